package placement

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// What may happen, for errors.
const eventForms = `"CLUSTER leaves", "CLUSTER joins [KEY=VALUE …]", "CLUSTER label KEY=VALUE|KEY- …", "CLUSTER property NAME=VALUE|NAME- …", ` +
	`"CLUSTER taint KEY[=VALUE][:NoSchedule]", "CLUSTER untaint KEY", "CLUSTER unhealthy [10m]", "CLUSTER healthy", "CLUSTER kyverno down|up", ` +
	`"hub down", "hub up", "approve RUN/STAGE", "stop RUN" or "resume RUN"; with @TIME at the end to say when`

// unhealthyFor is how long a member has been unhealthy when an event does not say.
const unhealthyFor = "10m"

// ParseEvent reads an event as users write it. Runs of a namespace are NAMESPACE/RUN.
func ParseEvent(text string) (Event, error) {
	words := strings.Fields(text)
	if len(words) < 2 {
		return Event{}, fmt.Errorf("event %q: want %s", text, eventForms)
	}
	e := Event{Text: strings.Join(words, " "), Subject: words[0], Verb: words[1], Args: words[2:]}
	var err error
	if last := words[len(words)-1]; len(words) > 2 && strings.HasPrefix(last, "@") {
		if e.At, err = time.ParseDuration(last[1:]); err != nil || e.At < 0 {
			return Event{}, fmt.Errorf("event %q: %q is no time, such as @30m", text, last)
		}
		e.Timed, e.Args = true, e.Args[:len(e.Args)-1]
	}
	switch {
	case words[0] == "hub":
		err = e.hub()
	case words[0] == "approve" || words[0] == "stop" || words[0] == "resume":
		e.Subject, e.Verb = words[1], words[0]
		err = e.ofRun()
	default:
		err = e.ofMember()
	}
	if err != nil {
		return Event{}, fmt.Errorf("event %q: %w", text, err)
	}
	return e, nil
}

func (e *Event) hub() error {
	if e.Verb != "down" && e.Verb != "up" || len(e.Args) > 0 {
		return fmt.Errorf(`a hub is "down" or "up"`)
	}
	return nil
}

func (e *Event) ofRun() error {
	if len(e.Args) > 0 {
		return fmt.Errorf("%q is too much: name one run", strings.Join(e.Args, " "))
	}
	if e.Verb != "approve" {
		return nil
	}
	i := strings.LastIndex(e.Subject, "/")
	if i <= 0 || i == len(e.Subject)-1 {
		return fmt.Errorf("want approve RUN/STAGE, as in approve run-1/canary")
	}
	e.Subject, e.Args = e.Subject[:i], []string{e.Subject[i+1:]}
	return nil
}

func (e *Event) ofMember() error {
	if wrong := validation.IsDNS1123Subdomain(e.Subject); wrong != nil {
		return fmt.Errorf("%q is no name of a cluster: %s", e.Subject, wrong[0])
	}
	switch e.Verb {
	case "leaves", "healthy":
		return e.count(0, 0)
	case "unhealthy":
		if len(e.Args) == 0 {
			e.Args = []string{unhealthyFor}
		}
		if d, err := time.ParseDuration(e.Args[0]); err != nil || d < 0 {
			return fmt.Errorf("%q is no duration, such as 10m", e.Args[0])
		}
		return e.count(1, 1)
	case "joins":
		return e.pairs(0, false)
	case "label", "property":
		return e.pairs(1, true)
	case "taint":
		if err := e.count(1, 1); err != nil {
			return err
		}
		_, err := parseTaint(e.Args[0])
		return err
	case "untaint":
		return e.count(1, 1)
	case "kyverno":
		if len(e.Args) != 1 || e.Args[0] != "down" && e.Args[0] != "up" {
			return fmt.Errorf(`Kyverno is "down" or "up"`)
		}
		return nil
	}
	return fmt.Errorf("%q is not known: want %s", e.Verb, eventForms)
}

func (e *Event) count(least, most int) error {
	switch {
	case len(e.Args) < least:
		return fmt.Errorf("%s needs an argument", e.Verb)
	case len(e.Args) > most:
		return fmt.Errorf("%q is too much", strings.Join(e.Args[most:], " "))
	}
	return nil
}

// pairs checks KEY=VALUE arguments, and KEY- for dropping a key where that is allowed.
func (e *Event) pairs(least int, drops bool) error {
	if len(e.Args) < least {
		return fmt.Errorf("%s needs KEY=VALUE, or KEY- to drop it", e.Verb)
	}
	for _, arg := range e.Args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok && drops && strings.HasSuffix(arg, "-") {
			key = strings.TrimSuffix(arg, "-")
		} else if !ok {
			return fmt.Errorf("%q is not KEY=VALUE", arg)
		}
		if e.Verb == "property" {
			continue // the hub does not check what members report
		}
		if wrong := validation.IsQualifiedName(key); wrong != nil {
			return fmt.Errorf("label key %q: %s", key, wrong[0])
		}
		if wrong := validation.IsValidLabelValue(value); wrong != nil {
			return fmt.Errorf("label value %q: %s", value, wrong[0])
		}
	}
	return nil
}

// parseTaint reads KEY, KEY=VALUE or KEY=VALUE:NoSchedule.
func parseTaint(text string) (Taint, error) {
	rest, effect, ok := strings.Cut(text, ":")
	if !ok {
		effect = noSchedule
	}
	key, value, _ := strings.Cut(rest, "=")
	t := Taint{Key: key, Value: value, Effect: effect}
	if effect != noSchedule {
		return t, fmt.Errorf("effect %q is not known: KubeFleet has only %s", effect, noSchedule)
	}
	if wrong := taintFault(t); len(wrong) > 0 {
		return t, wrong[0]
	}
	return t, nil
}

// apply returns the members after the event, which happens at a time. The list and the
// members that it changes are copies. Events of hubs and runs change no member.
func (e Event) apply(members []*Member, at time.Time) ([]*Member, error) {
	if e.Subject == "hub" || e.Verb == "approve" || e.Verb == "stop" || e.Verb == "resume" {
		return members, nil
	}
	i := findMember(members, e.Subject)
	if e.Verb == "joins" {
		if i >= 0 && members[i].Leaving {
			return nil, fmt.Errorf("event %q: %s has left, with what it holds: what a member agent makes of that when it joins anew is not foretold (hint: ask again with a hub and a fleet of that day)", e.Text, e.Subject)
		}
		if i >= 0 {
			return nil, fmt.Errorf("event %q: %s is a member already", e.Text, e.Subject)
		}
		joined := NewMember(e.Subject, nil)
		e.setPairs(joined.Labels)
		return MergeMembers(members, []*Member{joined}), nil
	}
	if i < 0 {
		return nil, fmt.Errorf("event %q: %s is no member of the fleet", e.Text, e.Subject)
	}
	members = slices.Clone(members)
	members[i] = members[i].clone()
	e.change(members[i], at)
	return members, nil
}

func (e Event) change(m *Member, at time.Time) {
	switch e.Verb {
	case "leaves":
		m.Leaving = true
	case "label":
		if m.Labels == nil {
			m.Labels = map[string]string{}
		}
		e.setPairs(m.Labels)
	case "property":
		if m.Properties == nil {
			m.Properties = map[string]string{}
		}
		e.setPairs(m.Properties)
	case "taint":
		t, _ := parseTaint(e.Args[0]) // checked when the event was read
		m.untaint(t.Key)
		m.Taints = append(m.Taints, t)
	case "untaint":
		key, _, _ := strings.Cut(strings.TrimSuffix(e.Args[0], ":"+noSchedule), "=")
		m.untaint(key)
	case "unhealthy":
		d, _ := time.ParseDuration(e.Args[0])
		m.report(metav1.ConditionFalse, at.Add(-d), at)
	case "healthy":
		m.report(metav1.ConditionTrue, at, at)
	}
}

func (e Event) setPairs(into map[string]string) {
	for _, arg := range e.Args {
		if key, value, ok := strings.Cut(arg, "="); ok {
			into[key] = value
		} else {
			delete(into, strings.TrimSuffix(arg, "-"))
		}
	}
}

func (m *Member) untaint(key string) {
	m.Taints = slices.DeleteFunc(m.Taints, func(t Taint) bool { return t.Key == key })
}

// report makes the member's agent say that it is healthy, or not, since a time. It has
// joined and its last heartbeat is new.
func (m *Member) report(healthy metav1.ConditionStatus, since, at time.Time) {
	status := &memberStatus{}
	if m.status != nil {
		status = m.status // of a clone
	}
	beat := metav1.NewTime(at)
	status.AgentStatus = []agentStatus{{
		Type:                  "MemberAgent",
		LastReceivedHeartbeat: &beat,
		Conditions: []metav1.Condition{
			{Type: "Joined", Status: metav1.ConditionTrue},
			{Type: "Healthy", Status: healthy, LastTransitionTime: metav1.NewTime(since)},
		},
	}}
	m.status = status
}
