package kyverno

import (
	"context"
	"slices"

	"github.com/seatrial/seatrial/simulator/verdict"
)

// What a policy makes of the object may not be known, for it reads what the capture does not
// hold. Then it is not known either what those say that come after it. Where it is known what it
// makes, and not whether it applies, they are asked both ways.

// cloud is a policy of which it is not known what it makes of the object, and its verdict.
type cloud struct {
	unit   unit
	by     verdict.Verdict
	maybe  bool    // what it makes is known, and not whether it does
	places []write // it writes nowhere else; none: that is not known
}

// gather notes that an answer leaves open what the object is.
func (s *sideRun) gather(u phased, got answer) {
	if u.phase > phaseMutate {
		return
	}
	open := slices.DeleteFunc(slices.Clone(got.verdicts), func(v verdict.Verdict) bool {
		return v.Outcome != verdict.Undecided || v.Type != verdict.Mutate
	})
	if len(open) > 0 {
		s.clouds = append(s.clouds, cloud{u.unit, open[0], got.maybe && len(open) == 1, s.placesOf(u.unit, open)})
	}
}

// placesOf are all the places that rules of a unit may write; none where there may be others, or
// where more than policies may read them.
func (s *sideRun) placesOf(u unit, open []verdict.Verdict) (all []write) {
	from, ok := u.(writer)
	for _, v := range open {
		if !ok {
			return nil
		}
		var places []write
		if places, ok = from.writes(v.Rule); !ok {
			return nil
		}
		all = append(all, places...)
	}
	labels := slices.ContainsFunc(all, func(w write) bool { return w.holder() == "labels" })
	if labels && (s.req.env.objects != nil || s.req.adm.Kind.Kind == "Namespace") {
		return nil // by which whole webhooks are called
	}
	return all
}

// beneath is an answer of a unit that comes after those that leave open what the object is.
func (s *sideRun) beneath(u phased, got answer) answer {
	at := slices.IndexFunc(s.clouds, func(c cloud) bool { return (!c.maybe || len(s.clouds) > 1) && c.over(u.unit, s.req.adm.Object.Raw) })
	if at < 0 || u.phase > phaseBackground || slices.ContainsFunc(s.clouds, func(c cloud) bool { return c.unit == u.unit }) {
		return got
	}
	out := answer{object: got.object, unpinned: got.unpinned}
	for _, v := range got.verdicts {
		out.verdicts = append(out.verdicts, under(v, s.clouds[at].by))
	}
	return out
}

// over tells whether a unit may read what the cloud's policy makes of the object.
func (c cloud) over(u unit, object []byte) bool {
	reads, ok := u.(reader)
	return !ok || len(c.places) == 0 || slices.ContainsFunc(c.places, func(w write) bool { return reads.mayRead(w, w.present(object)) })
}

// under is a verdict that rests on what a policy before it makes of the object.
func under(v, by verdict.Verdict) verdict.Verdict {
	if v.Outcome == verdict.Undecided {
		return v
	}
	v.Message, v.Exceptions = "", nil
	return undecided(v, []miss{{
		reason:  "it comes after policy " + by.Policy.Name + ", and what that makes of the object is not known: " + by.Reason,
		resolve: by.Resolve,
	}})
}

// otherwise asks the policies of a side about the object as it is without a change that may not be
// made, and settles what they say alike.
func (e *Engine) otherwise(ctx context.Context, s *sideRun, j *verdict.Judgement) {
	if len(s.clouds) != 1 || !s.clouds[0].maybe {
		return
	}
	c := s.clouds[0]
	apart := &sideRun{req: s.origin, common: s.common, outside: s.outside, side: s.side, engine: e, without: c.unit, origin: s.origin}
	apart.mutateAll(ctx, s.side.hooks)
	weigh([]*sideRun{apart})
	apart.run(ctx)
	agree(j, apart.judgement(), c.by.Reason, func(v verdict.Verdict) (verdict.Verdict, bool) {
		if v.Policy == c.by.Policy && v.Type == verdict.Mutate {
			return v, true
		}
		return under(v, c.by), true
	})
}

// agree keeps of an answer what another one says as well, which may come in its place; the rest is for
// unknown to tell, which may leave out what the other one says alone, and the decision for a reason.
func agree(j *verdict.Judgement, other verdict.Judgement, reason string, unknown func(verdict.Verdict) (as verdict.Verdict, keep bool)) {
	if j.Decision != other.Decision && j.Decision != verdict.DecisionUndecided {
		j.Decision, j.Reason, j.Message, j.Messages = verdict.DecisionUndecided, reason, "", nil
	}
	if j.Decision == verdict.Denied {
		j.Messages = withMessages(j.Messages, other.Messages)
	}
	for i, v := range j.Verdicts {
		if w, ok := sameRule(other.Verdicts, v); !ok || w.Outcome != v.Outcome || w.Action != v.Action {
			j.Verdicts[i], _ = unknown(v)
		}
	}
	for _, w := range other.Verdicts {
		if _, ok := sameRule(j.Verdicts, w); ok {
			continue
		}
		if as, keep := unknown(w); keep {
			j.Verdicts = append(j.Verdicts, as)
		}
	}
	slices.SortStableFunc(j.Verdicts, verdict.Verdict.Compare)
}

func sameRule(all []verdict.Verdict, v verdict.Verdict) (verdict.Verdict, bool) {
	at := slices.IndexFunc(all, func(w verdict.Verdict) bool { return w.Policy == v.Policy && w.Type == v.Type && w.Rule == v.Rule })
	if at < 0 {
		return verdict.Verdict{}, false
	}
	return all[at], true
}
