"""Quality, latency, throughput, memory and size of an artifact."""
