// Package capturetest lets tests look into a capture file as it is written.
package capturetest

import (
	"io"
	"os"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// Text is all that a capture file holds, uncompressed.
func Text(t *testing.T, file string) string {
	t.Helper()
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	reader, err := zstd.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	content, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
