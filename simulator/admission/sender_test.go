package admission

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/seatrial/seatrial/simulator/capture"
)

func TestSender(t *testing.T) {
	owned := func(by string) string { return `{"metadata":{"ownerReferences":[` + by + `]}}` }
	const set = `{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web-1","controller":true}`
	for reason, test := range map[string]struct {
		recorded, object, want string
		made                   bool
	}{
		"who is recorded sends it":                           {"ann", owned(set), "ann", false},
		"a pod's controller makes it":                        {"", owned(set), "system:serviceaccount:kube-system:replicaset-controller", true},
		"of several owners the controller counts":            {"", owned(`{"kind":"Job","apiVersion":"batch/v1","name":"x"},` + set), "system:serviceaccount:kube-system:replicaset-controller", true},
		"an owner that is no controller may be anybody's":    {"", owned(`{"kind":"Job","apiVersion":"batch/v1","name":"x"}`), "", false},
		"a node mirrors its pods":                            {"", owned(`{"kind":"Node","apiVersion":"v1","name":"n1","controller":true}`), "system:node:n1", true},
		"whose account makes a custom resource's is unknown": {"", owned(`{"kind":"Kafka","apiVersion":"kafka.strimzi.io/v1beta2","name":"k","controller":true}`), "", true},
		"what nobody owns may be anybody's":                  {"", `{"metadata":{}}`, "", false},
	} {
		rec := &capture.Record{Operation: capture.Create, User: capture.User{Username: test.recorded}, Object: json.RawMessage(test.object), Owner: &capture.Owner{}}
		who, made := Sender(rec)
		if got := fmt.Sprint(who.Username, made); got != fmt.Sprint(test.want, test.made) {
			t.Errorf("%s: got %s, want %s %v", reason, got, test.want, test.made)
		}
		if rec.Operation = capture.Update; test.recorded == "" {
			if who, made := Sender(rec); who.Username != "" || made {
				t.Errorf("%s: who updates it is not known", reason)
			}
		}
	}
}
