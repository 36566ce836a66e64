// Temporal's standalone activities: a job is an activity that a client starts by itself, with no workflow around it. The
// server is bench/peers/temporal. There is no bulk call, so PRODUCERS callers start side by side; the worker scales its
// pollers by itself, which its page on worker performance recommends, and has no workflows.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"bench/peer"

	"github.com/google/uuid"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	namespace = "bench"
	queue     = "bench"
	name      = "bench"
)

type adapter struct{}

func options() client.Options {
	return client.Options{
		HostPort:  "127.0.0.1:" + peer.Env("SERVER_PORT", ""),
		Namespace: namespace,
		Logger:    log.NewStructuredLogger(slog.New(slog.NewTextHandler(io.Discard, nil))),
	}
}

func heartbeat() time.Duration { return time.Duration(peer.Number("HEARTBEAT_S", 0)) * time.Second }

// Setup makes the namespace and waits until the server's caches, which it reads every two seconds, know it.
func (adapter) Setup(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 45*time.Second)
	defer cancel()
	namespaces, err := client.NewNamespaceClient(options())
	if err != nil {
		return err
	}
	for {
		err := namespaces.Register(ctx, &workflowservice.RegisterNamespaceRequest{
			Namespace:                        namespace,
			WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
		})
		if _, there := err.(*serviceerror.NamespaceAlreadyExists); err == nil || there {
			break
		}
		if ctx.Err() != nil {
			return fmt.Errorf("the namespace: %w", err)
		}
		time.Sleep(200 * time.Millisecond)
	}
	time.Sleep(5 * time.Second)
	return nil
}

func (adapter) Producer(ctx context.Context) (func(context.Context, peer.Payload, int) error, error) {
	connection, err := client.DialContext(ctx, options())
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, job peer.Payload, n int) error {
		for range n {
			// Longer than the jobs of the crash test run; a heartbeat is what tells the server that a worker has died.
			settings := client.StartActivityOptions{
				ID:                  uuid.NewString(),
				TaskQueue:           queue,
				StartToCloseTimeout: time.Hour,
				HeartbeatTimeout:    heartbeat(),
			}
			if job.At > 0 {
				settings.StartDelay = time.Until(time.UnixMilli(job.At))
			}
			if _, err := connection.ExecuteActivity(ctx, settings, name, job); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

func (adapter) Worker(ctx context.Context, handler peer.Handler, concurrency int) (func(), error) {
	connection, err := client.DialContext(ctx, options())
	if err != nil {
		return nil, err
	}
	made := worker.New(connection, queue, worker.Options{
		MaxConcurrentActivityExecutionSize: concurrency,
		ActivityTaskPollerBehavior:         worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{}),
		DisableWorkflowWorker:              true,
	})
	made.RegisterActivityWithOptions(func(ctx context.Context, job peer.Payload) error {
		if every := heartbeat() / 3; every > 0 {
			done := make(chan struct{})
			defer close(done)
			go func() {
				for ticks := time.NewTicker(every); ; {
					select {
					case <-ticks.C:
						activity.RecordHeartbeat(ctx)
					case <-done:
						return
					}
				}
			}()
		}
		handler(job)
		return nil
	}, activity.RegisterOptions{Name: name})
	if err := made.Start(); err != nil {
		return nil, err
	}
	return made.Stop, nil
}

func main() { peer.Main(adapter{}) }
