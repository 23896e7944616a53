package source

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seatrial/seatrial/simulator/capture"
)

// logged is an audit log of requests, each a verb, a path, a body and an answer; empty is none.
func logged(t *testing.T, requests ...[4]string) string {
	t.Helper()
	var log strings.Builder
	for i, r := range requests {
		verb, path := r[0], r[1]
		address, _, _ := strings.Cut(path, "?")
		parts := strings.Split(strings.Trim(address, "/"), "/")
		group, version, rest := "", parts[1], parts[2:]
		if parts[0] == "apis" {
			group, version, rest = parts[1], parts[2], parts[3:]
		}
		namespace := ""
		if rest[0] == "namespaces" && len(rest) > 2 {
			namespace, rest = rest[1], rest[2:]
		}
		rest = append(rest, "", "")
		code := 200
		if verb == "create" {
			code = 201
		}
		fmt.Fprintf(&log, `{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"%d","stage":"ResponseComplete","verb":%q,"requestURI":%q,"objectRef":{"apiGroup":%q,"apiVersion":%q,"namespace":%q,"resource":%q,"name":%q,"subresource":%q},"responseStatus":{"code":%d}`,
			i, verb, path, group, version, namespace, rest[0], rest[1], rest[2], code)
		for i, field := range []string{"requestObject", "responseObject"} {
			if r[2+i] != "" {
				fmt.Fprintf(&log, `,%q:%s`, field, r[2+i])
			}
		}
		log.WriteString("}\n")
	}
	name := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(name, []byte(log.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

const (
	configMaps = "/api/v1/namespaces/a/configmaps"
	deployment = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"a","uid":"u","generation":1,"resourceVersion":"1"},"spec":{"replicas":2}}`
	marked1    = `{"apiVersion":"meta.k8s.io/v1","kind":"PartialObjectMetadata","metadata":{"name":"web","namespace":"a","uid":"u","generation":1,"resourceVersion":"2","labels":{"team":"b"}}}`
)

func configMap(name, team, value string) string {
	return fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":%q,"namespace":"a","uid":"u-%s","labels":{"team":%q}},"data":{"v":%q}}`, name, name, team, value)
}

// TestAnswersOfMetadata reads patches, deletions and deleted collections whose answers show the metadata
// of their objects alone.
func TestAnswersOfMetadata(t *testing.T) {
	web, cron := "/apis/apps/v1/namespaces/a/deployments/web", "/apis/example.com/v1/namespaces/a/crons"
	c, _ := audit(t, nil, logged(t,
		[4]string{"patch", "/apis/apps/v1/namespaces/a/deployments/unseen", `{"metadata":{"labels":{"team":"b"}}}`, marked1},
		[4]string{"create", "/apis/apps/v1/namespaces/a/deployments", deployment, deployment},
		[4]string{"patch", web, `{"metadata":{"labels":{"team":"b"}}}`, marked1},
		[4]string{"patch", web, `{"spec":{"replicas":3}}`, strings.Replace(deployment, `"generation":1,"resourceVersion":"1"`, `"generation":2,"resourceVersion":"3","labels":{"team":"b"}`, 1)},
		[4]string{"create", cron, `{"apiVersion":"example.com/v1","kind":"CronTab","metadata":{"name":"x"}}`, ""},
		[4]string{"patch", cron + "/x", `{"metadata":{"labels":{"team":"b"}}}`, `{"apiVersion":"meta.k8s.io/v1","kind":"PartialObjectMetadata","metadata":{"name":"x","namespace":"a"}}`},
		[4]string{"create", configMaps, configMap("c", "b", "1"), configMap("c", "b", "1")},
		[4]string{"deletecollection", configMaps, "", `{"apiVersion":"meta.k8s.io/v1","kind":"PartialObjectMetadataList","metadata":{},"items":[{"metadata":{"name":"c","namespace":"a","uid":"u-c"}},{"metadata":{"name":"d","namespace":"a","uid":"u-d"}}]}`},
	))
	want := `UPDATE Deployment a/unseen live -object -oldObject
CREATE Deployment a/web live
UPDATE Deployment a/web live
UPDATE Deployment a/web live
CREATE CronTab a/x live
UPDATE CronTab a/x live -object -storedOldObject
DELETE ConfigMap a/c live
DELETE ConfigMap a/d live -oldObject
`
	want = strings.Replace(want, "DELETE ConfigMap a/c", "CREATE ConfigMap a/c live\nDELETE ConfigMap a/c", 1)
	if diff := cmp.Diff(want, lines(t, c)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, r := range records(t, c) {
		object, old := string(r.Object), string(r.OldObject)
		if r.Origin.ID == "2" && (!strings.Contains(object, `"replicas":2`) || !strings.Contains(object, `"team":"b"`)) {
			t.Errorf("the patch was not applied to the object before: %s", object)
		}
		if r.Origin.ID == "3" && (!strings.Contains(old, `"replicas":2`) || !strings.Contains(old, `"team":"b"`) || !strings.Contains(old, `"resourceVersion":"2"`)) {
			t.Errorf("what the patch left is not known: %s", old)
		}
	}
	if kind, _ := c.World("c").Resources.KindFor(capture.GVR{Group: "apps", Version: "v1", Resource: "deployments"}); kind.Kind != "Deployment" {
		t.Errorf("deployments are %v", kind)
	}
}

// TestDeletedCollections forgets what was deleted, and nothing else.
func TestDeletedCollections(t *testing.T) {
	list := func(items ...string) string {
		return `{"apiVersion":"v1","kind":"ConfigMapList","metadata":{},"items":[` + strings.Join(items, ",") + `]}`
	}
	for name, test := range map[string]struct{ query, answer, want string }{
		"what is listed":     {"?labelSelector=team", list(configMap("a", "x", "1")), "b c"},
		"nothing":            {"?labelSelector=none", list(), "a b c"},
		"what is selected":   {"?labelSelector=team%3Dx", "", "c"},
		"of one name":        {"?fieldSelector=metadata.name%3Db", "", "a c"},
		"what may be":        {"?fieldSelector=data%3Db", "", ""},
		"all":                {"", `{"apiVersion":"v1","kind":"Status","status":"Success"}`, ""},
		"all, as a dry run":  {"?dryRun=All", "", "a b c"},
		"in metadata's list": {"", `{"apiVersion":"meta.k8s.io/v1","kind":"PartialObjectMetadataList","items":[{"metadata":{"name":"b","namespace":"a"}}]}`, "a c"},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := audit(t, nil, logged(t,
				[4]string{"create", configMaps, configMap("a", "x", "1"), configMap("a", "x", "1")},
				[4]string{"create", configMaps, configMap("b", "x", "1"), configMap("b", "x", "1")},
				[4]string{"create", configMaps, configMap("c", "y", "1"), configMap("c", "y", "1")},
				[4]string{"deletecollection", configMaps + test.query, "", test.answer},
			))
			if got := worldNames(c, "configmaps"); got != test.want {
				t.Errorf("left are %q, want %q", got, test.want)
			}
		})
	}
}

// worldNames are the names of the objects of a resource in the world.
func worldNames(c *capture.Capture, resource string) string {
	var names []string
	objects, _ := c.World("c").List(capture.GVR{Version: "v1", Resource: resource}, "")
	for _, o := range objects {
		names = append(names, text(metadataOf(decodeObject(o.Object)), "name"))
	}
	return strings.Join(names, " ")
}

// TestSecretsOfAnyShape stay out: items of lists do not say what they are, nor do metadata and tables.
func TestSecretsOfAnyShape(t *testing.T) {
	secrets := "/api/v1/namespaces/a/secrets"
	secret := `{"metadata":{"name":"s","namespace":"a","uid":"u","annotations":{"kubectl.kubernetes.io/last-applied-configuration":"hunter2"}},"data":{"k":"aHVudGVyMg=="}}`
	c, _ := audit(t, nil, logged(t,
		[4]string{"create", secrets, secret, secret},
		[4]string{"patch", secrets + "/s", `{"stringData":{"k":"hunter2"}}`, `{"apiVersion":"meta.k8s.io/v1","kind":"PartialObjectMetadata",` + secret[1:]},
		[4]string{"patch", secrets + "/s", `{"stringData":{"k":"hunter2"}}`, `{"apiVersion":"meta.k8s.io/v1","kind":"Table","rows":[]}`},
		[4]string{"deletecollection", secrets, "", `{"apiVersion":"v1","kind":"SecretList","items":[` + secret + `]}`},
	))
	for _, r := range records(t, c) {
		text := string(r.Object) + string(r.OldObject) + string(r.Left)
		if strings.Contains(text, "hunter2") || strings.Contains(text, "aHVudGVyMg==") || !r.Redacted || r.Kind.Kind != "Secret" {
			t.Errorf("%s holds a secret: %s", line(r), text)
		}
	}
}
