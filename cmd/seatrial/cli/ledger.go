package cli

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/seatrial/seatrial/simulator/capture"
	"github.com/seatrial/seatrial/simulator/outfile"
	"github.com/seatrial/seatrial/simulator/replay"
	"github.com/seatrial/seatrial/simulator/verdict"
)

// ledgerFormat is the report that is streamed while the replay runs: one verdict a line.
const ledgerFormat = "ledger"

// ledgerLine is one verdict of one side. docs/report.md documents it.
type ledgerLine struct {
	Side        string            `json:"side"` // "baseline", "candidate"
	Seq         int64             `json:"seq"`
	Cluster     string            `json:"cluster"`
	Time        *time.Time        `json:"time,omitempty"`
	Operation   capture.Operation `json:"operation"`
	APIVersion  string            `json:"apiVersion"`
	Kind        string            `json:"kind"`
	SubResource string            `json:"subResource,omitempty"`
	Namespace   string            `json:"namespace,omitempty"`
	Name        string            `json:"name,omitempty"`
	User        string            `json:"user,omitempty"`
	Decision    verdict.Decision  `json:"decision"` // of the whole request
	verdict.Verdict
	Generated []made `json:"generated,omitempty"` // what the rule makes, changes or has deleted
}

// made is an object as a rule makes it or leaves it, or as it is before Kyverno deletes it.
type made struct {
	Target  string          `json:"target"`
	Object  json.RawMessage `json:"object,omitempty"`
	Deleted bool            `json:"deleted,omitempty"`
}

// ledgers are the ledger files of one run.
type ledgers struct {
	buffers []*bufio.Writer
	files   []*outfile.File
}

func openLedgers(env Env, outputs []output) (*ledgers, error) {
	l := &ledgers{}
	for _, o := range outputs {
		if o.format != ledgerFormat {
			continue
		}
		var to io.Writer = env.Stdout
		if o.file != "-" {
			file, err := outfile.Create(o.file)
			if err != nil {
				l.abort()
				return nil, malformed(err, "name a file that you may write")
			}
			l.files = append(l.files, file)
			to = file
		}
		l.buffers = append(l.buffers, bufio.NewWriterSize(to, 1<<16))
	}
	return l, nil
}

func (l *ledgers) add(a replay.Answer) error {
	if len(l.buffers) == 0 {
		return nil
	}
	for i, side := range []string{"baseline", "candidate"} {
		j := &a.Sides[i]
		for k := range j.Verdicts {
			content, err := json.Marshal(line(side, a.Record, j, j.Verdicts[k]))
			if err != nil {
				return err
			}
			for _, to := range l.buffers {
				if _, err := to.Write(append(content, '\n')); err != nil {
					return malformed(err, "")
				}
			}
		}
	}
	return nil
}

func line(side string, r *capture.Record, j *verdict.Judgement, v verdict.Verdict) ledgerLine {
	v.Message = strings.TrimSpace(v.Message)
	return ledgerLine{
		Side: side, Seq: r.Seq, Cluster: r.Cluster, Time: r.Time, Operation: r.Operation,
		APIVersion: r.Kind.APIVersion(), Kind: r.Kind.Kind, SubResource: r.SubResource,
		Namespace: r.Namespace, Name: r.Name, User: r.User.Username, Decision: j.Decision, Verdict: v, Generated: madeBy(j, v),
	}
}

// madeBy are the objects that the rule of a verdict makes, changes or has deleted.
func madeBy(j *verdict.Judgement, v verdict.Verdict) []made {
	if v.Type != verdict.Generate && v.Type != verdict.MutateExisting {
		return nil
	}
	var out []made
	for _, g := range j.Generated {
		if g.Policy == v.Policy && g.Rule == v.Rule {
			out = append(out, made{g.Target, g.Object, g.Deleted})
		}
	}
	return out
}

func (l *ledgers) close() error {
	for _, to := range l.buffers {
		if err := to.Flush(); err != nil {
			return err
		}
	}
	for _, file := range l.files {
		if err := file.Close(); err != nil {
			return err
		}
	}
	l.files = nil
	return nil
}

// abort drops what close has not completed.
func (l *ledgers) abort() {
	for _, file := range l.files {
		file.Abort()
	}
}
