package kyverno

import (
	"sync"
	"time"

	"github.com/kyverno/kyverno/pkg/config"
	"github.com/kyverno/kyverno/pkg/engine/jmespath"
)

// cachedJMESPath compiles every query once. Kyverno compiles at each evaluation; the
// compiled form is safe for concurrent use. Queries that contain a request's values
// (after substitution) are many, so the cache stops growing at maxQueries.
type cachedJMESPath struct {
	jmespath.Interface
	mu      sync.RWMutex
	queries map[string]jmespath.Query
	// orders are the same with the keys of objects in all the orders that are tried, this first.
	orders func() []*cachedJMESPath
}

const maxQueries = 20_000

// newJMESPath is Kyverno's JMESPath with the clock at at.
func newJMESPath(cfg config.Configuration, at time.Time) *cachedJMESPath {
	made := newJMESPathIn(cfg, at, 0)
	made.orders = sync.OnceValue(func() []*cachedJMESPath {
		all := []*cachedJMESPath{made}
		for which := 1; which < keyOrders; which++ {
			all = append(all, newJMESPathIn(cfg, at, which))
		}
		return all
	})
	return made
}

func newJMESPathIn(cfg config.Configuration, at time.Time, which int) *cachedJMESPath {
	return &cachedJMESPath{Interface: newOrderedQueries(cfg, at, which), queries: map[string]jmespath.Query{}}
}

func (c *cachedJMESPath) Query(text string) (jmespath.Query, error) {
	c.mu.RLock()
	query, ok := c.queries[text]
	c.mu.RUnlock()
	if ok {
		return query, nil
	}
	query, err := c.Interface.Query(text)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	if len(c.queries) < maxQueries {
		c.queries[text] = query
	}
	c.mu.Unlock()
	return query, nil
}

func (c *cachedJMESPath) Search(text string, data any) (any, error) {
	query, err := c.Query(text)
	if err != nil {
		return nil, err
	}
	return query.Search(data)
}
