-- One line that a script can read: requests, microseconds, latency (median, 99 %) in microseconds, failures.
done = function(summary, latency)
  local e = summary.errors
  local failures = e.connect + e.read + e.write + e.status + e.timeout
  io.write(string.format("%d %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), failures))
end
