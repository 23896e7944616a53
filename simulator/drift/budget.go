package drift

import "github.com/seatrial/seatrial/simulator/strict"

// Budget says how many findings of each kind are allowed in the fleet. An absent limit is 0.
type Budget struct {
	Missing           *int `yaml:"missing" json:"missing,omitempty"`
	Weakened          *int `yaml:"weakened" json:"weakened,omitempty"`
	LeftBehind        *int `yaml:"leftBehind" json:"leftBehind,omitempty"`
	Extra             *int `yaml:"extra" json:"extra,omitempty"`
	ExceptionUnknown  *int `yaml:"exceptionUnknown" json:"exceptionUnknown,omitempty"`
	ExceptionExpired  *int `yaml:"exceptionExpired" json:"exceptionExpired,omitempty"`
	OtherVersion      *int `yaml:"otherVersion" json:"otherVersion,omitempty"`
	Strengthened      *int `yaml:"strengthened" json:"strengthened,omitempty"`
	ExceptionWide     *int `yaml:"exceptionWide" json:"exceptionWide,omitempty"`
	ExceptionNeedless *int `yaml:"exceptionNeedless" json:"exceptionNeedless,omitempty"`
	ExceptionUnused   *int `yaml:"exceptionUnused" json:"exceptionUnused,omitempty"`
}

// Limit is how many findings of a kind are allowed.
func (b Budget) Limit(kind Kind) int {
	if l := b.fields()[kind].value; l != nil {
		return *l
	}
	return 0
}

type limit struct {
	name  string
	value *int
}

func (b Budget) fields() map[Kind]limit {
	return map[Kind]limit{
		Missing: {"missing", b.Missing}, Weakened: {"weakened", b.Weakened}, LeftBehind: {"leftBehind", b.LeftBehind},
		Extra: {"extra", b.Extra}, ExceptionUnknown: {"exceptionUnknown", b.ExceptionUnknown}, ExceptionExpired: {"exceptionExpired", b.ExceptionExpired},
		OtherVersion: {"otherVersion", b.OtherVersion}, Strengthened: {"strengthened", b.Strengthened}, ExceptionWide: {"exceptionWide", b.ExceptionWide},
		ExceptionNeedless: {"exceptionNeedless", b.ExceptionNeedless}, ExceptionUnused: {"exceptionUnused", b.ExceptionUnused},
	}
}

// Check notes what is wrong with the limits of a file at a path.
func (b Budget) Check(f *strict.File, at string) {
	fields := b.fields()
	for _, kind := range Kinds() {
		if l := fields[kind]; l.value != nil && *l.value < 0 {
			f.Fault(at+"."+l.name, "%d, want 0 or more", *l.value)
		}
	}
}
