package kyverno

import "testing"

func TestSecretsOfCEL(t *testing.T) {
	for text, want := range map[string]secretive{
		"object.metadata.name != 'data-of'":                                                     {values: true}, // the word alone: in doubt it reads
		"object.data.all(k, size(k) > 3)":                                                       {values: true},
		"json.marshal(object).contains('x')":                                                    {values: true, wholly: true},
		"object == oldObject":                                                                   {values: true},
		"object[variables.field] == 'x'":                                                        {values: true},
		"object.exists(k, k == 'x')":                                                            {values: true},
		"string(request.object) == 'x'":                                                         {values: true},
		"oldObject == null || object.type == oldObject.type":                                    {},
		"object != null && object.?metadata.?name.orValue('') == ''":                            {},
		"dyn(object).metadata.labels['x'] == 'the whole object'":                                {},
		"has(object.metadata.annotations) && 'x' in object.metadata.annotations":                {},
		"object.metadata.annotations['x'] == 'y'":                                               {},
		"object.metadata.annotations == oldObject.metadata.annotations":                         {annotations: true},
		"object.metadata.annotations.all(k, object.metadata.annotations[k] != 'x')":             {annotations: true},
		"object.metadata.annotations['kubectl.kubernetes.io/last-applied-configuration'] == ''": {annotations: true},
	} {
		got := secretsOfCEL(text)
		got.shape, got.kind = false, false // about Secrets that are looked up
		if got != want {
			t.Errorf("%s: got %+v, want %+v", text, got, want)
		}
	}
}
