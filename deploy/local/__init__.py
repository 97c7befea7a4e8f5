"""The local stack: Apache Kafka, PostgreSQL and Valkey as child processes, and the services beside them. No Docker needed."""
