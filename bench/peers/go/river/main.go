// River on PostgreSQL. CONFIG=bench has the settings of its own benchmark, riverqueue.com/docs/benchmarks;
// CONFIG=default changes nothing but the number of workers.
package main

import (
	"context"
	"log/slog"
	"time"

	"bench/peer"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

type args struct {
	peer.Payload
}

func (args) Kind() string { return "bench" }

type worker struct {
	river.WorkerDefaults[args]
	handler peer.Handler
}

func (w *worker) Work(_ context.Context, job *river.Job[args]) error {
	w.handler(job.Args.Payload)
	return nil
}

type adapter struct{}

func pool(ctx context.Context) (*pgxpool.Pool, error) {
	return pgxpool.New(ctx, peer.Env("DATABASE_URL", ""))
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (adapter) Setup(ctx context.Context) error {
	connections, err := pool(ctx)
	if err != nil {
		return err
	}
	migrator, err := rivermigrate.New(riverpgxv5.New(connections), &rivermigrate.Config{Logger: quiet()})
	if err != nil {
		return err
	}
	_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}

func (adapter) Producer(ctx context.Context) (func(context.Context, peer.Payload, int) error, error) {
	connections, err := pool(ctx)
	if err != nil {
		return nil, err
	}
	client, err := river.NewClient(riverpgxv5.New(connections), &river.Config{Logger: quiet()})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, job peer.Payload, n int) error {
		var options *river.InsertOpts
		if job.At > 0 {
			options = &river.InsertOpts{ScheduledAt: time.UnixMilli(job.At)}
		}
		if n == 1 {
			_, err := client.Insert(ctx, args{job}, options)
			return err
		}
		jobs := make([]river.InsertManyParams, n)
		for i := range jobs {
			jobs[i] = river.InsertManyParams{Args: args{job}, InsertOpts: options}
		}
		_, err := client.InsertManyFast(ctx, jobs)
		return err
	}, nil
}

func (adapter) Worker(ctx context.Context, handler peer.Handler, concurrency int) (func(), error) {
	connections, err := pool(ctx)
	if err != nil {
		return nil, err
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &worker{handler: handler})
	config := &river.Config{
		Logger:  quiet(),
		Queues:  map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: concurrency}},
		Workers: workers,
		// The jobs of the crash test run for minutes.
		JobTimeout: -1,
	}
	if peer.Env("CONFIG", "bench") == "bench" {
		config.FetchCooldown = 2 * time.Millisecond
		config.FetchPollInterval = 20 * time.Millisecond
	}
	client, err := river.NewClient(riverpgxv5.New(connections), config)
	if err != nil {
		return nil, err
	}
	if err := client.Start(ctx); err != nil {
		return nil, err
	}
	return func() { _ = client.StopAndCancel(ctx) }, nil
}

func main() { peer.Main(adapter{}) }
