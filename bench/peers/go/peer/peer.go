// Package peer is what the peers written in Go share: the modes of ../../../README.md over an adapter.
package peer

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Payload is the argument of a job.
type Payload struct {
	K   string `json:"k"`
	Pad string `json:"pad"`
	At  int64  `json:"at,omitempty"`
	Ms  int64  `json:"ms,omitempty"`
}

// Handler runs a job.
type Handler func(Payload)

// Adapter is a peer.
type Adapter interface {
	// Setup makes the schema.
	Setup(ctx context.Context) error
	// Producer returns a function that enqueues n equal jobs through the peer's bulk call.
	Producer(ctx context.Context) (func(ctx context.Context, job Payload, n int) error, error)
	// Worker begins to work and returns how to stop.
	Worker(ctx context.Context, handler Handler, concurrency int) (func(), error)
}

// Env reads a setting.
func Env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// Number reads a setting that is a number.
func Number(name string, otherwise int64) int64 {
	value, err := strconv.ParseFloat(Env(name, ""), 64)
	if err != nil {
		return otherwise
	}
	return int64(value)
}

func now() int64 { return time.Now().UnixMicro() }

var output sync.Mutex

func say(line any) {
	text, err := json.Marshal(line)
	check(err)
	output.Lock()
	defer output.Unlock()
	fmt.Println(string(text))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func payload() Payload {
	job := Payload{K: Env("KIND", "noop"), Pad: strings.Repeat("x", int(Number("PAD", 100)))}
	job.At = Number("RUN_AT_MS", 0)
	if job.K == "hold" {
		job.Ms = Number("HOLD_MS", 600_000)
	}
	return job
}

func produce(ctx context.Context, adapter Adapter) {
	chunk, most := Number("CHUNK", 1000), Number("JOBS", 1<<60)
	seconds, limit := Number("SECONDS", 0), Number("LIMIT", 0)
	var handled, taken, sent atomic.Int64
	if limit > 0 {
		go func() {
			for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
				if n, err := strconv.ParseInt(lines.Text(), 10, 64); err == nil {
					handled.Store(n)
				}
			}
		}()
	}
	add, err := adapter.Producer(ctx)
	check(err)
	job, start := payload(), time.Now()
	var group sync.WaitGroup
	for range Number("PRODUCERS", 1) {
		group.Go(func() {
			for seconds == 0 || time.Since(start) < time.Duration(seconds)*time.Second {
				before := taken.Load()
				size := min(chunk, most-before)
				if size <= 0 {
					return
				}
				if limit > 0 && before+size-handled.Load() > limit {
					time.Sleep(time.Millisecond)
					continue
				}
				if !taken.CompareAndSwap(before, before+size) {
					continue
				}
				check(add(ctx, job, int(size)))
				sent.Add(size)
			}
		})
	}
	group.Wait()
	say(map[string]any{"mode": "produce", "jobs": sent.Load(), "seconds": time.Since(start).Seconds()})
}

func work(ctx context.Context, adapter Adapter) {
	var n, first atomic.Int64
	var mutex sync.Mutex
	var late []int64
	stamps := Env("STAMPS", "")
	write := func(text string) {
		file, err := os.OpenFile(stamps, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		check(err)
		_, err = file.WriteString(text)
		check(err)
		check(file.Close())
	}
	handler := func(job Payload) {
		if first.Load() == 0 {
			first.CompareAndSwap(0, now())
		}
		switch job.K {
		case "stamp":
			lateness := now() - job.At*1000
			mutex.Lock()
			late = append(late, lateness)
			mutex.Unlock()
		case "hold":
			write(fmt.Sprintf("%d %d\n", os.Getpid(), now()))
			time.Sleep(time.Duration(job.Ms) * time.Millisecond)
		}
		n.Add(1)
	}
	stop, err := adapter.Worker(ctx, handler, int(Number("CONCURRENCY", 10)))
	check(err)
	say(map[string]int64{"ready": now()})
	done := make(chan os.Signal, 2)
	signal.Notify(done, syscall.SIGTERM)
	go func() {
		for buffer := make([]byte, 1024); ; {
			if _, err := os.Stdin.Read(buffer); err != nil {
				done <- syscall.SIGTERM
				return
			}
		}
	}()
	told := int64(-1)
	tell := func() {
		if count := n.Load(); count != told {
			say(map[string]int64{"n": count, "us": now(), "first": first.Load()})
			told = count
		}
	}
	for ticks, running := time.NewTicker(25*time.Millisecond), true; running; {
		select {
		case <-ticks.C:
			tell()
		case <-done:
			running = false
		}
	}
	tell()
	mutex.Lock()
	if len(late) > 0 {
		var text strings.Builder
		for _, us := range late {
			fmt.Fprintf(&text, "%d %d\n", os.Getpid(), us)
		}
		write(text.String())
	}
	mutex.Unlock()
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	select {
	case <-stopped:
	case <-time.After(5 * time.Second):
	}
}

func latency(ctx context.Context, adapter Adapter) {
	began := make(chan int64, 1)
	stop, err := adapter.Worker(ctx, func(Payload) { began <- now() }, int(Number("CONCURRENCY", 10)))
	check(err)
	add, err := adapter.Producer(ctx)
	check(err)
	var samples, whole []int64
	const warm = 20
	for i := range warm + Number("SAMPLES", 500) {
		called := now()
		check(add(ctx, payload(), 1))
		acknowledged := now()
		select {
		case start := <-began:
			if i >= warm {
				samples = append(samples, start-acknowledged)
				whole = append(whole, start-called)
			}
		case <-time.After(time.Minute):
			check(fmt.Errorf("a job did not begin within a minute"))
		}
		time.Sleep(time.Duration(Number("REST_MS", 20)) * time.Millisecond)
	}
	say(map[string]any{"mode": "latency", "us": samples, "whole_us": whole})
	go stop()
	time.Sleep(time.Second)
}

// Main runs the mode that the command line names.
func Main(adapter Adapter) {
	ctx := context.Background()
	switch mode := os.Args[1]; mode {
	case "setup":
		check(adapter.Setup(ctx))
	case "produce":
		produce(ctx, adapter)
	case "work":
		work(ctx, adapter)
	case "latency":
		latency(ctx, adapter)
	default:
		check(fmt.Errorf("no such mode: %s", mode))
	}
	os.Exit(0)
}
