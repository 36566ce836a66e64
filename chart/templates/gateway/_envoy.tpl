{{/*
The whole configuration of Envoy. What a value is for stands in values.yaml; here is why it looks so.
compose/envoy.yaml is the same for one machine.
*/}}
{{- define "task-scheduler.envoy" -}}
{{- $gateway := .Values.gateway -}}
{{- $up := $gateway.upstream -}}
{{- $down := $gateway.downstream -}}
{{- $json := $gateway.jsonTranscoder.enabled -}}
{{- $jwt := $gateway.jwt -}}
{{- $api := include "task-scheduler.name" (dict "root" . "component" "api") -}}
{{- $host := ternary (printf "%s-headless" $api) $api (eq $up.discovery "headless") -}}
# What statistics and certificates' sources are told of who asks.
node:
  id: gateway
  cluster: {{ include "task-scheduler.fullname" . }}

# Reached from within the pod only: it can change and stop everything.
admin:
  address:
    socket_address: {address: 127.0.0.1, port_value: 9901}

overload_manager:
  refresh_interval: 0.25s
  resource_monitors:
    - name: envoy.resource_monitors.global_downstream_max_connections
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig
        max_active_downstream_connections: {{ int64 $down.maxConnections }}
    {{- with dig "limits" "memory" "" $gateway.resources }}
    - name: envoy.resource_monitors.fixed_heap
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig
        max_heap_size_bytes: {{ mul (include "task-scheduler.mebibytes" . | int64) 1048576 }}
    {{- end }}
  {{- if dig "limits" "memory" "" $gateway.resources }}
  # Rather refuse some calls than be ended by the kernel with all of them.
  actions:
    - name: envoy.overload_actions.shrink_heap
      triggers:
        - {name: envoy.resource_monitors.fixed_heap, threshold: {value: 0.90}}
    - name: envoy.overload_actions.stop_accepting_requests
      triggers:
        - {name: envoy.resource_monitors.fixed_heap, threshold: {value: 0.95}}
  {{- end }}

static_resources:
  listeners:
    - name: grpc
      # The one that is drained; see the Deployment's preStop.
      traffic_direction: INBOUND
      address:
        socket_address: {address: 0.0.0.0, port_value: 8080}
      per_connection_buffer_limit_bytes: {{ int64 $down.bufferBytes }}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: grpc
                # JSON and browsers come with HTTP/1.1.
                codec_type: {{ ternary "AUTO" "HTTP2" (or $json $gateway.grpcWeb.enabled) }}
                use_remote_address: true
                # A client's own x-request-id is kept, so that its logs and ours can be joined.
                generate_request_id: true
                preserve_external_request_id: true
                drain_timeout: 5s
                common_http_protocol_options:
                  idle_timeout: {{ $down.idleTimeout }}
                  {{- with $down.maxConnectionAge }}
                  # Told to connect anew, then left to finish its calls.
                  max_connection_duration: {{ . }}
                  {{- end }}
                  headers_with_underscores_action: REJECT_REQUEST
                http2_protocol_options:
                  max_concurrent_streams: {{ int64 $down.maxConcurrentStreams }}
                  # A payload of 1 MiB arrives without waiting for a window.
                  initial_stream_window_size: 1048576
                  initial_connection_window_size: 16777216
                  # Finds out clients that vanished while they watched a job.
                  connection_keepalive: {interval: 30s, timeout: 10s}
                # Routes say how long a call may take; nothing else ends a stream.
                stream_idle_timeout: 0s
                {{- if $gateway.accessLog.enabled }}
                access_log:
                  - name: envoy.access_loggers.stdout
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
                      log_format:
                        json_format:
                          time: "%START_TIME%"
                          method: "%REQ(:PATH)%"
                          status: "%RESPONSE_CODE%"
                          grpc_status: "%GRPC_STATUS%"
                          flags: "%RESPONSE_FLAGS%"
                          duration_ms: "%DURATION%"
                          bytes_received: "%BYTES_RECEIVED%"
                          bytes_sent: "%BYTES_SENT%"
                          client: "%DOWNSTREAM_REMOTE_ADDRESS%"
                          upstream: "%UPSTREAM_HOST%"
                          served_by: "%RESP(x-served-by)%"
                          request_id: "%REQ(x-request-id)%"
                {{- end }}
                route_config:
                  name: scheduler
                  virtual_hosts:
                    - name: scheduler
                      domains: ["*"]
                      {{- if $gateway.grpcWeb.enabled }}
                      typed_per_filter_config:
                        envoy.filters.http.cors:
                          "@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy
                          allow_origin_string_match:
                            {{- range $gateway.grpcWeb.allowOrigins }}
                            - {{ if eq . "*" }}{safe_regex: {regex: ".*"}}{{ else }}{exact: {{ . | quote }}}{{ end }}
                            {{- end }}
                          allow_methods: GET, PUT, DELETE, POST, OPTIONS
                          allow_headers: authorization,content-type,grpc-timeout,keep-alive,user-agent,x-grpc-web,x-request-id,x-user-agent
                          expose_headers: grpc-message,grpc-status,x-request-id,x-served-by
                          max_age: "86400"
                      {{- end }}
                      routes:
                        # Streams that last as long as what they watch.
                        - match:
                            safe_regex: {regex: '/(scheduler\.v1\.SchedulerService|grpc\.health\.v1\.Health)/Watch[A-Za-z]*'}
                          route:
                            cluster: api
                            timeout: 0s
                            idle_timeout: 0s
                            {{- include "task-scheduler.envoy.retries" (dict "up" $up "on" $up.retries.retryOn "perTry" "") | nindent 28 }}
                        # Reflection is one stream for as many questions as a client has.
                        - match: {prefix: /grpc.reflection.}
                          route: {cluster: api, timeout: 0s}
                        # Reading twice does no harm, so a pod's own refusal is tried elsewhere too.
                        - match:
                            safe_regex: {regex: '/scheduler\.v1\.SchedulerService/(Get|List)[A-Za-z]*'}
                          route:
                            cluster: api
                            timeout: {{ $up.timeouts.request }}
                            {{- include "task-scheduler.envoy.retries" (dict "up" $up "on" $up.retries.retryOnReads "perTry" $up.timeouts.perTry) | nindent 28 }}
                        # The rest changes something: only what no pod has seen is sent again. After UNAVAILABLE
                        # the client decides, which knows whether it named the job.
                        - match: {prefix: /}
                          route:
                            cluster: api
                            timeout: {{ $up.timeouts.request }}
                            {{- include "task-scheduler.envoy.retries" (dict "up" $up "on" $up.retries.retryOn "perTry" "") | nindent 28 }}
                http_filters:
                  {{- if $gateway.grpcWeb.enabled }}
                  # First, because a browser's preflight has no token.
                  - name: envoy.filters.http.cors
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors
                  {{- end }}
                  {{- if $jwt.enabled }}
                  - name: envoy.filters.http.jwt_authn
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
                      providers:
                        clients:
                          issuer: {{ $jwt.issuer | quote }}
                          {{- with $jwt.audiences }}
                          audiences: {{- toYaml . | nindent 28 }}
                          {{- end }}
                          {{- if $jwt.jwksConfigMap }}
                          local_jwks: {filename: /etc/envoy-jwks/jwks.json}
                          {{- else }}
                          remote_jwks:
                            http_uri: {uri: {{ $jwt.jwksUri | quote }}, cluster: jwks, timeout: 5s}
                            cache_duration: 600s
                            # Before the first client comes, so that it need not wait.
                            async_fetch: {fast_listener: false}
                          {{- end }}
                      rules:
                        # Health is for load balancers, which have no token.
                        - match: {prefix: /grpc.health.v1.Health/}
                        - match: {prefix: /}
                          requires: {provider_name: clients}
                  {{- end }}
                  {{- if $gateway.rateLimit.enabled }}
                  - name: envoy.filters.http.local_ratelimit
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
                      stat_prefix: gateway
                      token_bucket:
                        max_tokens: {{ int64 $gateway.rateLimit.burst }}
                        tokens_per_fill: {{ max 1 (div (int64 $gateway.rateLimit.requestsPerSecond) 10) }}
                        # In small portions, or the first tenth of a second would get it all.
                        fill_interval: {{ ternary "0.1s" (printf "%.3fs" (divf 1 $gateway.rateLimit.requestsPerSecond)) (ge (int64 $gateway.rateLimit.requestsPerSecond) 10) }}
                      filter_enabled: {default_value: {numerator: 100, denominator: HUNDRED}}
                      filter_enforced: {default_value: {numerator: 100, denominator: HUNDRED}}
                      # Envoy's own answer is UNAVAILABLE, which clients repeat at once.
                      rate_limited_as_resource_exhausted: true
                  {{- end }}
                  - name: envoy.filters.http.grpc_stats
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.grpc_stats.v3.FilterConfig
                      emit_filter_state: false
                      stats_for_all_methods: true
                  {{- if $gateway.grpcWeb.enabled }}
                  - name: envoy.filters.http.grpc_web
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.grpc_web.v3.GrpcWeb
                  {{- end }}
                  {{- if $json }}
                  - name: envoy.filters.http.grpc_json_transcoder
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder
                      proto_descriptor: /etc/envoy/descriptors.binpb
                      services: [scheduler.v1.SchedulerService]
                      # POST /scheduler.v1.SchedulerService/GetJob, for there are no other paths.
                      auto_mapping: true
                      convert_grpc_status: true
                      print_options: {add_whitespace: false, preserve_proto_field_names: true}
                  {{- end }}
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
          {{- if $gateway.tls.enabled }}
          # Whoever begins a handshake and does not go on is no connection yet, and no other limit holds for it.
          transport_socket_connect_timeout: 10s
          transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              require_client_certificate: {{ ne $gateway.tls.clientCASecret "" }}
              common_tls_context:
                tls_params: {tls_minimum_protocol_version: TLSv1_2}
                alpn_protocols: [h2{{ if or $json $gateway.grpcWeb.enabled }}, http/1.1{{ end }}]
                # By SDS from files, so that a renewed certificate is taken without a restart.
                tls_certificate_sds_secret_configs:
                  - name: server
                    sds_config:
                      path_config_source: {path: /etc/envoy/tls.yaml, watched_directory: {path: /etc/envoy-tls}}
                      resource_api_version: V3
                {{- if $gateway.tls.clientCASecret }}
                validation_context:
                  trusted_ca: {filename: /etc/envoy-client-ca/ca.crt}
                {{- end }}
          {{- end }}
    # For the kubelet and Prometheus: two pages of the administration, and no other; and one of our own.
    - name: metrics
      address:
        socket_address: {address: 0.0.0.0, port_value: 9902}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: metrics
                route_config:
                  virtual_hosts:
                    - name: metrics
                      domains: ["*"]
                      routes:
                        - match: {path: /ready, headers: [{name: ":method", string_match: {exact: GET}}]}
                          route: {cluster: admin}
                        - match: {path: /stats/prometheus, headers: [{name: ":method", string_match: {exact: GET}}]}
                          route: {cluster: admin}
                http_filters:
                  # Whether there is an API pod to send calls to.
                  - name: envoy.filters.http.health_check
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck
                      pass_through_mode: false
                      headers: [{name: ":path", string_match: {exact: /upstream}}]
                      # In whole percent.
                      cluster_min_healthy_percentages: {api: {value: 1}}
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router

  clusters:
    - name: api
      # All addresses of the name: every API pod with `headless`, the Service's one with `clusterIP`.
      cluster_type:
        name: envoy.clusters.dns
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster
          dns_refresh_rate: {{ int64 $up.dnsRefreshSeconds }}s
          # Also while the name has no address yet: at the start, before any pod is ready.
          dns_failure_refresh_rate: {base_interval: 1s, max_interval: {{ int64 $up.dnsRefreshSeconds }}s}
          dns_lookup_family: V4_ONLY
      lb_policy: {{ $up.lbPolicy }}
      connect_timeout: {{ $up.connectTimeout }}
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config:
            http2_protocol_options:
              max_concurrent_streams: {{ int64 $up.maxConcurrentStreams }}
              initial_stream_window_size: 1048576
              initial_connection_window_size: 16777216
              connection_keepalive: {interval: 10s, timeout: 5s}
      circuit_breakers:
        thresholds:
          - max_connections: {{ int64 $up.circuitBreakers.maxConnections }}
            max_pending_requests: {{ int64 $up.circuitBreakers.maxPendingRequests }}
            max_requests: {{ int64 $up.circuitBreakers.maxRequests }}
            track_remaining: true
            # Retries stay a fraction of the traffic: no storm when all pods are down.
            retry_budget:
              budget_percent: {value: {{ $up.retries.budgetPercent }}}
              min_retry_concurrency: {{ int64 $up.retries.minConcurrency }}
      {{- if $up.healthCheck.enabled }}
      health_checks:
        - timeout: {{ $up.healthCheck.timeout }}
          interval: {{ $up.healthCheck.interval }}
          # Also before the first call, which has to find a healthy pod.
          no_traffic_interval: {{ $up.healthCheck.interval }}
          unhealthy_threshold: {{ int64 $up.healthCheck.unhealthyThreshold }}
          healthy_threshold: {{ int64 $up.healthCheck.healthyThreshold }}
          grpc_health_check: {service_name: ""}
      # A pod that DNS no longer lists gets nothing more, however healthy it is.
      ignore_health_on_host_removal: true
      {{- end }}
      # A pod that refuses connections is left out at once, not only when its health was asked twice in vain: until then it would be
      # picked more often than the others, for it has no open calls, and every call would have to be sent again. What pods answer
      # counts only where that is wanted: one that answers UNAVAILABLE may be right, and all of them would.
      outlier_detection:
        split_external_local_origin_errors: true
        consecutive_local_origin_failure: 3
        enforcing_local_origin_success_rate: 0
        {{- if $up.outlierDetection.enabled }}
        consecutive_5xx: {{ int64 $up.outlierDetection.consecutive5xx }}
        interval: {{ $up.outlierDetection.interval }}
        base_ejection_time: {{ $up.outlierDetection.baseEjectionTime }}
        max_ejection_percent: {{ int64 $up.outlierDetection.maxEjectionPercent }}
        {{- else }}
        enforcing_consecutive_5xx: 0
        enforcing_success_rate: 0
        base_ejection_time: 5s
        max_ejection_percent: 67
        {{- end }}
      common_lb_config:
        healthy_panic_threshold: {value: {{ $up.healthCheck.panicPercent }}}
        # What was found out counts at once. By default it is gathered for a second, in which the dead pod is called.
        update_merge_window: 0s
      load_assignment:
        cluster_name: api
        endpoints:
          - lb_endpoints:
              # In full and with the dot, so that no search domain is tried first.
              - endpoint: {address: {socket_address: {address: "{{ $host }}.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}.", port_value: 8081}}}
    - name: admin
      type: STATIC
      connect_timeout: 1s
      load_assignment:
        cluster_name: admin
        endpoints:
          - lb_endpoints:
              - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 9901}}}
    {{- if and $jwt.enabled (not $jwt.jwksConfigMap) }}
    {{- $url := urlParse $jwt.jwksUri }}
    {{- $name := regexReplaceAll ":[0-9]+$" $url.host "" }}
    - name: jwks
      cluster_type:
        name: envoy.clusters.dns
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster
          dns_lookup_family: V4_ONLY
      connect_timeout: 5s
      load_assignment:
        cluster_name: jwks
        endpoints:
          - lb_endpoints:
              - endpoint: {address: {socket_address: {address: {{ $name | quote }}, port_value: {{ regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default "443" }}}}}
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
          sni: {{ $name | quote }}
          common_tls_context:
            validation_context:
              trusted_ca: {filename: /etc/ssl/certs/ca-certificates.crt}
              match_typed_subject_alt_names:
                - {san_type: DNS, matcher: {exact: {{ $name | quote }}}}
    {{- end }}
{{- end -}}

{{/* The certificate as a secret of SDS: in a file of its own, which names those of the Secret. */}}
{{- define "task-scheduler.envoy.tls" -}}
resources:
  - "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
    name: server
    tls_certificate:
      certificate_chain: {filename: /etc/envoy-tls/tls.crt}
      private_key: {filename: /etc/envoy-tls/tls.key}
      watched_directory: {path: /etc/envoy-tls}
{{- end -}}

{{- define "task-scheduler.envoy.retries" -}}
{{- if gt (int .up.retries.attempts) 0 -}}
retry_policy:
  retry_on: {{ .on }}
  num_retries: {{ int64 .up.retries.attempts }}
  {{- with .perTry }}
  per_try_timeout: {{ . }}
  {{- end }}
  retry_host_predicate:
    - name: envoy.retry_host_predicates.previous_hosts
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate
  host_selection_retry_max_attempts: 5
{{- end }}
{{- end -}}
