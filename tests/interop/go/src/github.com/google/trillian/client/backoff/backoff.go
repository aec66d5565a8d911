// Package backoff has what Google's Certificate Transparency client asks of Trillian's package of
// the same name, so that the client is built without Trillian.
package backoff

import (
	"context"
	"errors"
	"fmt"
	"time"
)

type retriable struct{ error }

// RetriableErrorf makes an error after which Retry tries again.
func RetriableErrorf(format string, args ...any) error {
	return retriable{fmt.Errorf(format, args...)}
}

// Backoff grows its pauses by Factor, from Min to Max.
type Backoff struct {
	Min, Max time.Duration
	Factor   float64
	Jitter   bool
	pause    time.Duration
}

// Reset begins again with Min.
func (b *Backoff) Reset() { b.pause = 0 }

// Retry calls try until its error is none or not one to try again after.
func (b *Backoff) Retry(ctx context.Context, try func() error) error {
	for {
		err := try()
		if !errors.As(err, new(retriable)) {
			return err
		}
		b.pause = min(max(b.Min, time.Duration(float64(b.pause)*b.Factor)), b.Max)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(b.pause):
		}
	}
}
