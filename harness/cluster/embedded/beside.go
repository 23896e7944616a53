package embedded

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/seatrial/seatrial/harness/cluster"
	"github.com/seatrial/seatrial/harness/cluster/process"
)

var _ cluster.Runner = (*Provider)(nil)

// Run starts a program beside the fleet's clusters. Its record is with the fleet's, so that
// it ends with the fleet also after a crash.
func (p *Provider) Run(name string, args, env []string) (cluster.Program, error) {
	dir := filepath.Join(p.dir, "beside")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if old, err := process.Load(dir, name); err == nil && old.Alive() {
		return nil, fmt.Errorf("%s runs already, as process %d", name, old.PID)
	}
	proc := &process.Process{Name: name, Args: args, Env: env, Log: filepath.Join(dir, name+".log")}
	if err := proc.Start(dir); err != nil {
		return nil, err
	}
	return &beside{proc}, nil
}

// beside is a program that belongs to no cluster.
type beside struct{ p *process.Process }

func (b *beside) PID() int    { return b.p.PID }
func (b *beside) Alive() bool { return b.p.Alive() }

func (b *beside) Stop(ctx context.Context, patience time.Duration) error {
	return b.p.Stop(ctx, patience)
}

func (b *beside) Tail(bytes int64) ([]byte, error) { return b.p.Tail(bytes) }
