"""Lets workers in that cannot reach the database: Optuna's gRPC proxy, beside the database.

    OPTIMERGE_STORAGE=postgresql+psycopg://... python storage_proxy.py 13000

and on each worker

    OPTIMERGE_STORAGE=grpc://THIS-HOST:13000 optimerge search mine.yaml

It stands before PostgreSQL or MySQL, not SQLite. It asks nobody for a password and encrypts
nothing: keep its port inside the cluster.
"""

import os
import sys

from optuna.storages import run_grpc_proxy_server

from optimerge.records.storage import open_database

if __name__ == "__main__":
    behind = open_database(os.environ["OPTIMERGE_STORAGE"])  # waits where the database is away
    run_grpc_proxy_server(behind, host="0.0.0.0", port=int(sys.argv[1]))
