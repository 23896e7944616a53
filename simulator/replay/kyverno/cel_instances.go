package kyverno

import "sync"

// instances holds a policy as Kyverno's compiler made it. A policy that asks the library
// nothing is compiled once and shared. One that does is compiled once per worker that is
// at it, because its library answers for one request at a time.
type instances[T any] struct {
	compile func(*library) (T, error)
	policy  *celPolicy
	shared  *instance[T]
	mu      sync.Mutex
	idle    []*instance[T]
}

type instance[T any] struct {
	library  *library
	compiled T
}

// newInstances compiles the first instance; exclusive policies get more as they are needed.
func newInstances[T any](p *celPolicy, exclusive bool, compile func(*library) (T, error)) (*instances[T], error) {
	all := &instances[T]{compile: compile, policy: p}
	first, err := all.make()
	if err != nil {
		return nil, err
	}
	if exclusive {
		all.idle = append(all.idle, first)
	} else {
		all.shared = first
	}
	return all, nil
}

func (all *instances[T]) make() (*instance[T], error) {
	one := &instance[T]{library: &library{entries: all.policy.entries}}
	err := compileWith(one.library, func() (err error) {
		one.compiled, err = all.compile(one.library)
		return err
	})
	return one, err
}

// sample returns an instance to look at while no request is judged.
func (all *instances[T]) sample() *instance[T] {
	if all.shared != nil {
		return all.shared
	}
	return all.idle[0]
}

// use lends an instance to do, for one request.
func (all *instances[T]) use(req *request, do func(*instance[T]) error) error {
	if all.shared != nil {
		return do(all.shared)
	}
	one, err := all.take()
	if err != nil {
		return err
	}
	one.library.bind(req)
	defer func() {
		one.library.bind(nil)
		all.mu.Lock()
		all.idle = append(all.idle, one)
		all.mu.Unlock()
	}()
	return do(one)
}

func (all *instances[T]) take() (*instance[T], error) {
	all.mu.Lock()
	if n := len(all.idle); n > 0 {
		one := all.idle[n-1]
		all.idle = all.idle[:n-1]
		all.mu.Unlock()
		return one, nil
	}
	all.mu.Unlock()
	return all.make()
}
