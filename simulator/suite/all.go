package suite

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
)

// RunAll answers the suites of files with workers goroutines (at least one). The report is
// the same for any number. The error names every suite that could not be read; the others are
// in the report.
func (r *Runner) RunAll(ctx context.Context, files []string, workers int) (*Report, error) {
	var suites []*Suite
	var faults []error
	for _, file := range files {
		found, err := Load(file)
		if err != nil {
			faults = append(faults, err)
		}
		suites = append(suites, found...)
	}
	rows := make([][]Row, len(suites))
	next := make(chan int)
	var wait sync.WaitGroup
	for range max(1, workers) {
		wait.Go(func() {
			for i := range next {
				rows[i] = r.guarded(ctx, suites[i])
			}
		})
	}
	for i := range suites {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wait.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	report := &Report{}
	for _, fault := range faults {
		report.Unread = append(report.Unread, fault.Error())
	}
	for i, one := range rows {
		report.Add(one)
		if len(suites[i].Test.Results) == 0 {
			report.Silent = append(report.Silent, suites[i].Path)
		}
	}
	return report, errors.Join(faults...)
}

// guarded answers a suite; a panic on the way is an error of its rows.
func (r *Runner) guarded(ctx context.Context, s *Suite) (rows []Row) {
	defer func() {
		if p := recover(); p != nil {
			rows = s.failed(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	return r.Run(ctx, s)
}
