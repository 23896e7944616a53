package kyverno

import "github.com/seatrial/seatrial/simulator/policy"

type typeConverters struct{}
type binding struct{}

func (s *celSet) addBinding(policy.Object) error                                { return nil }
func isAdmissionPolicy(policy.Object) bool                                      { return false }
func (c *Compiler) compileAdmissionPolicy(policy.Object, celSet) *compiled      { return &compiled{} }
func (c *Compiler) newMutating(p *celPolicy, b []byte) ([]phased, error)        { return nil, nil }
func (c *Compiler) newGenerating(p *celPolicy, b []byte) ([]phased, error)      { return nil, nil }
func (c *Compiler) newImageValidating(p *celPolicy, b []byte) ([]phased, error) { return nil, nil }
func (c *Compiler) newDeleting(p *celPolicy, b []byte) ([]phased, error)        { return nil, nil }
