package kyverno

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// noticed is what is noted when a map or a list of an object is taken as a whole.
type noticed struct {
	all     draws
	touched *draws
}

func (n noticed) whole() { *n.touched |= n.all }

// watchedMap is a map of an object that notes which of its fields that are not known are asked for.
// What takes it as a whole has taken them all.
type watchedMap struct {
	traits.Mapper
	noticed
	each map[string]draws
}

func (m *watchedMap) field(key ref.Val) {
	name, ok := key.(types.String)
	if !ok {
		m.whole()
		return
	}
	*m.touched |= m.each[string(name)]
}

func (m *watchedMap) Find(key ref.Val) (ref.Val, bool) {
	m.field(key)
	return m.Mapper.Find(key)
}

func (m *watchedMap) Get(key ref.Val) ref.Val {
	m.field(key)
	return m.Mapper.Get(key)
}

func (m *watchedMap) Contains(key ref.Val) ref.Val {
	m.field(key)
	return m.Mapper.Contains(key)
}

func (m *watchedMap) Equal(other ref.Val) ref.Val {
	if _, ok := other.(traits.Mapper); ok {
		m.whole()
	}
	return m.Mapper.Equal(other)
}

func (m *watchedMap) Iterator() traits.Iterator {
	m.whole()
	return m.Mapper.Iterator()
}

func (m *watchedMap) Size() ref.Val {
	m.whole()
	return m.Mapper.Size()
}

// IsZeroValue tells CEL's optional values whether the map is empty.
func (m *watchedMap) IsZeroValue() bool { return m.Size() == types.IntZero }

func (m *watchedMap) ConvertToNative(to reflect.Type) (any, error) {
	m.whole()
	return m.Mapper.ConvertToNative(to)
}

func (m *watchedMap) ConvertToType(to ref.Type) ref.Val {
	if to == types.TypeType || to == types.MapType {
		return converted(m, to, types.MapType)
	}
	m.whole()
	return m.Mapper.ConvertToType(to)
}

func (m *watchedMap) Value() any {
	m.whole()
	return m.Mapper.Value()
}

// String and MarshalJSON are for libraries that have been given the map within another value.
func (m *watchedMap) String() string { return fmt.Sprint(m.Value()) }

func (m *watchedMap) MarshalJSON() ([]byte, error) { return json.Marshal(m.Value()) }

// watchedList is a list of such maps.
type watchedList struct {
	traits.Lister
	noticed
}

func (l *watchedList) Contains(value ref.Val) ref.Val {
	l.whole()
	return l.Lister.Contains(value)
}

func (l *watchedList) Equal(other ref.Val) ref.Val {
	if _, ok := other.(traits.Lister); ok {
		l.whole()
	}
	return l.Lister.Equal(other)
}

// IsZeroValue tells CEL's optional values whether the list is empty.
func (l *watchedList) IsZeroValue() bool { return l.Size() == types.IntZero }

func (l *watchedList) ConvertToNative(to reflect.Type) (any, error) {
	l.whole()
	return l.Lister.ConvertToNative(to)
}

func (l *watchedList) ConvertToType(to ref.Type) ref.Val {
	if to == types.TypeType || to == types.ListType {
		return converted(l, to, types.ListType)
	}
	l.whole()
	return l.Lister.ConvertToType(to)
}

func (l *watchedList) Value() any {
	l.whole()
	return l.Lister.Value()
}

func (l *watchedList) String() string { return fmt.Sprint(l.Value()) }

func (l *watchedList) MarshalJSON() ([]byte, error) { return json.Marshal(l.Value()) }

// converted is a value as what it is, or its type.
func converted(v ref.Val, to ref.Type, own *types.Type) ref.Val {
	if to == types.TypeType {
		return own
	}
	return v
}
