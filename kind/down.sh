#!/usr/bin/env bash
# Takes down what up.sh made: the cluster, and every volume with it.
set -euo pipefail
kind delete cluster --name task-scheduler
