package process

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
)

// Running reads the record of a process that must be running; an error says that it never
// started, or runs no more.
func Running(dir, name string) (*Process, error) {
	p, err := Load(dir, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("never started")
	case err != nil:
		return nil, err
	case !p.Alive():
		return nil, errors.New("not running")
	}
	return p, nil
}

// Answers asks a process's own port, whose certificate it made itself: nothing is sent and
// nothing is believed but that it answers with 200.
func Answers(ctx context.Context, url string) error {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, resp.Status)
	}
	return nil
}
