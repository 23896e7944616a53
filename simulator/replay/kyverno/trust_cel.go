package kyverno

import (
	policiesv1beta1 "github.com/kyverno/api/api/policies.kyverno.io/v1beta1"
)

// celAtHand has the attestors of an ImageValidatingPolicy ask for nothing but the registry,
// and says what that leaves out. Their counts go into expressions, so that nothing follows
// from a verification that asks for less.
func celAtHand(attestors []policiesv1beta1.Attestor) (t trust) {
	for i := range attestors {
		if c := attestors[i].Cosign; c != nil {
			if c.Source != nil {
				c.Source.SignaturePullSecrets = nil
			}
			t.cosign(c)
		}
	}
	return t
}

func (t *trust) cosign(c *policiesv1beta1.Cosign) {
	held := c.Keyless == nil && (c.Certificate != nil || c.Key != nil && (c.Key.Data != "" || c.Key.Expression != ""))
	if held && c.CTLog != nil && c.CTLog.InsecureIgnoreTlog {
		c.TUF = nil // it is not asked
		return
	}
	t.strange()
	*c = policiesv1beta1.Cosign{
		Key: &policiesv1beta1.Key{Data: stranger().key}, Source: c.Source, Annotations: c.Annotations,
		CTLog: &policiesv1beta1.CTLog{InsecureIgnoreTlog: true, InsecureIgnoreSCT: true},
	}
}
