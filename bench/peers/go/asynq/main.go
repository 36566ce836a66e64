// Asynq on Redis. Finished tasks are kept for a day, as the other peers keep them; it has no bulk enqueue, so
// PRODUCERS callers enqueue side by side.
package main

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"time"

	"bench/peer"

	"github.com/hibiken/asynq"
)

type adapter struct{}

func (adapter) Setup(context.Context) error { return nil }

func redis() (asynq.RedisConnOpt, error) { return asynq.ParseRedisURI(peer.Env("REDIS_URL", "")) }

func (adapter) Producer(context.Context) (func(context.Context, peer.Payload, int) error, error) {
	options, err := redis()
	if err != nil {
		return nil, err
	}
	client := asynq.NewClient(options)
	return func(ctx context.Context, job peer.Payload, n int) error {
		text, err := json.Marshal(job)
		if err != nil {
			return err
		}
		settings := []asynq.Option{asynq.Retention(24 * time.Hour)}
		if job.At > 0 {
			settings = append(settings, asynq.ProcessAt(time.UnixMilli(job.At)))
		}
		for range n {
			if _, err := client.EnqueueContext(ctx, asynq.NewTask("bench", text), settings...); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

type quiet struct{ *log.Logger }

func (quiet) Debug(...any) {}
func (quiet) Info(...any)  {}
func (quiet) Warn(...any)  {}
func (quiet) Error(...any) {}
func (quiet) Fatal(...any) {}

func (adapter) Worker(_ context.Context, handler peer.Handler, concurrency int) (func(), error) {
	options, err := redis()
	if err != nil {
		return nil, err
	}
	server := asynq.NewServer(options, asynq.Config{
		Concurrency:     concurrency,
		Logger:          quiet{log.New(io.Discard, "", 0)},
		ShutdownTimeout: time.Millisecond,
	})
	mux := asynq.NewServeMux()
	mux.HandleFunc("bench", func(_ context.Context, task *asynq.Task) error {
		var job peer.Payload
		if err := json.Unmarshal(task.Payload(), &job); err != nil {
			return err
		}
		handler(job)
		return nil
	})
	if err := server.Start(mux); err != nil {
		return nil, err
	}
	return server.Shutdown, nil
}

func main() { peer.Main(adapter{}) }
