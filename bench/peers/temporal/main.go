// The server of Temporal on PostgreSQL: all four services in one process, as its own `temporal-server start` runs them.
// It makes its schema first, through its own temporal-sql-tool, and ends with SIGTERM.
//
// Its rate limits, which protect a shared cluster, are out of the way; what else is not the default has its reason beside
// it. The client is bench/peers/go/temporal, which is built with a newer SDK than the server pins.
package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
	_ "go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql"
	"go.temporal.io/server/temporal"
	"go.temporal.io/server/tools/sql"
)

const (
	plugin = "postgres12_pgx"
	local  = "127.0.0.1"
	// Of the visibility store: the schemas of both stores have the same table of versions.
	visibility = "temporal_visibility"
)

// No limit that a machine of two cores could reach.
const unlimited = 1_000_000

func settings() dynamicconfig.StaticClient {
	made := dynamicconfig.StaticClient{
		dynamicconfig.AdminMatchingNamespaceToPartitionDispatchRate.Key():          float64(unlimited),
		dynamicconfig.AdminMatchingNamespaceTaskqueueToPartitionDispatchRate.Key(): float64(unlimited),
	}
	for _, key := range []dynamicconfig.Key{
		dynamicconfig.FrontendRPS.Key(),
		dynamicconfig.FrontendMaxNamespaceRPSPerInstance.Key(),
		dynamicconfig.FrontendMaxConcurrentLongRunningRequestsPerInstance.Key(),
		dynamicconfig.FrontendPersistenceMaxQPS.Key(),
		dynamicconfig.HistoryRPS.Key(),
		dynamicconfig.HistoryPersistenceMaxQPS.Key(),
		dynamicconfig.MatchingRPS.Key(),
		dynamicconfig.MatchingPersistenceMaxQPS.Key(),
		dynamicconfig.WorkerPersistenceMaxQPS.Key(),
		dynamicconfig.VisibilityPersistenceMaxReadQPS.Key(),
		dynamicconfig.VisibilityPersistenceMaxWriteQPS.Key(),
	} {
		made[key] = unlimited
	}
	// There is one matching host: partitions would forward to each other inside it, at 10 a second.
	partitions := number("PARTITIONS", 1)
	made[dynamicconfig.MatchingNumTaskqueueReadPartitions.Key()] = partitions
	made[dynamicconfig.MatchingNumTaskqueueWritePartitions.Key()] = partitions
	return made
}

func number(name string, otherwise int) int {
	if value, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return value
	}
	return otherwise
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// freePort is one below those that the system hands out: the server keeps ports in columns of 16 bits with a sign.
func freePort() int {
	for {
		port := 10000 + rand.IntN(22000)
		listener, err := net.Listen("tcp", fmt.Sprintf("%s:%d", local, port))
		if err == nil {
			check(listener.Close())
			return port
		}
	}
}

func service(port int) config.Service {
	return config.Service{RPC: config.RPC{GRPCPort: port, MembershipPort: freePort(), BindOnLocalHost: true}}
}

func schema(database *url.URL, name, source string) {
	tool := []string{
		"temporal-sql-tool", "--plugin", plugin,
		"--endpoint", database.Hostname(), "--port", database.Port(), "--user", database.User.Username(), "--db", name,
	}
	call := func(words ...string) { check(sql.RunTool(append(tool[:len(tool):len(tool)], words...))) }
	if name == visibility {
		call("create-database", "--defaultdb", database.Path[1:])
	}
	call("setup-schema", "--version", "0.0")
	call("update-schema", "--schema-name", "postgresql/v12/"+source)
}

func store(database *url.URL, name string, connections int) config.DataStore {
	return config.DataStore{SQL: &config.SQL{
		PluginName:      plugin,
		DatabaseName:    name,
		ConnectAddr:     database.Host,
		ConnectProtocol: "tcp",
		User:            database.User.Username(),
		MaxConns:        connections,
		MaxIdleConns:    connections,
		MaxConnLifetime: time.Hour,
	}}
}

func main() {
	database, err := url.Parse(os.Getenv("DATABASE_URL"))
	check(err)
	name := database.Path[1:]
	schema(database, name, "temporal")
	schema(database, visibility, "visibility")

	port := number("SERVER_PORT", 0)
	made := &config.Config{
		Global: config.Global{Membership: config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: local}},
		Persistence: config.Persistence{
			DefaultStore:     "default",
			VisibilityStore:  "visibility",
			NumHistoryShards: int32(number("SHARDS", 4)),
			DataStores: map[string]config.DataStore{
				"default":    store(database, name, number("CONNECTIONS", 20)),
				"visibility": store(database, visibility, number("VISIBILITY_CONNECTIONS", 10)),
			},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        "active",
			CurrentClusterName:       "active",
			ClusterInformation: map[string]cluster.ClusterInformation{
				"active": {Enabled: true, InitialFailoverVersion: 1, RPCAddress: fmt.Sprintf("%s:%d", local, port)},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services: map[string]config.Service{
			"frontend": service(port),
			"history":  service(freePort()),
			"matching": service(freePort()),
			"worker":   service(freePort()),
		},
		Archival: config.Archival{
			History:    config.HistoryArchival{State: "disabled"},
			Visibility: config.VisibilityArchival{State: "disabled"},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: "disabled"},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: "disabled"},
		}},
		PublicClient: config.PublicClient{HostPort: fmt.Sprintf("%s:%d", local, port)},
	}
	server, err := temporal.NewServer(
		temporal.WithConfig(made),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithLogger(log.NewZapLogger(log.BuildZapLogger(log.Config{Level: "error"}))),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper {
			return authorization.NewNoopClaimMapper()
		}),
		temporal.WithDynamicConfigClient(settings()),
	)
	check(err)
	check(server.Start())
	fmt.Printf("{\"ready\":%d}\n", time.Now().UnixMicro())
	done := make(chan os.Signal, 1)
	signal.Notify(done, syscall.SIGTERM)
	<-done
	check(server.Stop())
}
