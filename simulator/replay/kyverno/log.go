package kyverno

import (
	"io"
	"sync"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
)

// silence turns the logs of Kyverno, client-go and controller-runtime off: what the
// engine says is in its answers.
var silence = sync.OnceFunc(func() {
	klog.SetLogger(logr.Discard())
	klog.SetOutput(io.Discard)
	ctrllog.SetLogger(logr.Discard())
})
