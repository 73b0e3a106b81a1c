//! The files, and what each says.

/// Texts and services.
pub const CASES: &[(&str, &str)] = &[
    ("", ""),
    ("# nothing to run here\n", ""),
    (
        "check process web\n  with pidfile /var/vcap/sys/run/bpm/web/web.pid\n  start program \"/var/vcap/jobs/bpm/bin/bpm start web\"\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop web\"\n  group vcap\n",
        "process web /var/vcap/sys/run/bpm/web/web.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|web] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|web] 30s; groups vcap",
    ),
    (
        "check process web\n  with pidfile /var/vcap/sys/run/bpm/web/web.pid\n  start program '/var/vcap/jobs/bpm/bin/bpm start web'\n  stop program '/var/vcap/jobs/bpm/bin/bpm stop web'\n  group vcap",
        "process web /var/vcap/sys/run/bpm/web/web.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|web] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|web] 30s; groups vcap",
    ),
    (
        "check process web\n  with pidfile /var/vcap/sys/run/bpm/web/web.pid\n  start program \"/var/vcap/jobs/bpm/bin/bpm start web\"\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop web\"\n  group 'vcap'\n",
        "process web /var/vcap/sys/run/bpm/web/web.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|web] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|web] 30s; groups vcap",
    ),
    (
        "check process web\n  with pidfile /var/vcap/sys/run/bpm/web/web.pid\n  start program \"/var/vcap/jobs/bpm/bin/bpm start web\"\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop web\"\n",
        "process web /var/vcap/sys/run/bpm/web/web.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|web] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|web] 30s",
    ),
    (
        "check process a\n  with pidfile /var/vcap/sys/run/bpm/a/a.pid\n  start program \"/var/vcap/jobs/bpm/bin/bpm start a\"\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop a\"\n  group vcap\n\n\ncheck process b\n  with pidfile /var/vcap/sys/run/bpm/b/b.pid\n  start program \"/var/vcap/jobs/bpm/bin/bpm start b\"\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop b\"\n  group vcap\n",
        "process a /var/vcap/sys/run/bpm/a/a.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|a] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|a] 30s; groups vcap\nprocess b /var/vcap/sys/run/bpm/b/b.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|b] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|b] 30s; groups vcap",
    ),
    (
        "check process web\r\n  with pidfile /var/vcap/sys/run/bpm/web/web.pid\r\n  start program \"/var/vcap/jobs/bpm/bin/bpm start web\"\r\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop web\"\r\n  group vcap\r\n",
        "process web /var/vcap/sys/run/bpm/web/web.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|web] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|web] 30s; groups vcap",
    ),
    (
        "check process web\n\twith pidfile /var/vcap/sys/run/bpm/web/web.pid\n\t\tstart program \"/var/vcap/jobs/bpm/bin/bpm start web\"\n\t\tstop program \"/var/vcap/jobs/bpm/bin/bpm stop web\"\n\t\tgroup vcap\n",
        "process web /var/vcap/sys/run/bpm/web/web.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|web] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|web] 30s; groups vcap",
    ),
    (
        "check process one with pidfile /p start program \"/s\" stop program \"/t\" group vcap",
        "process one /p; start [/s] 30s; stop [/t] 30s; groups vcap",
    ),
    (
        "CHECK PROCESS One WITH PIDFILE /p START PROGRAM = \"/s\" STOP PROGRAM = \"/t\" GROUP vcap",
        "process One /p; start [/s] 30s; stop [/t] 30s; groups vcap",
    ),
    (
        "check process x pidfile /p\n  start = \"/s a b\"\n  stop = \"/t\"\n",
        "process x /p; start [/s|a|b] 30s; stop [/t] 30s",
    ),
    (
        "check process x with pidfile \"/var/vcap/sys/run/x y.pid\"\n start program \"/s\"",
        "process x /var/vcap/sys/run/x y.pid; start [/s] 30s",
    ),
    (
        "check process db with pidfile /p\n start program \"/s\" with timeout 300 seconds\n stop program \"/t\" with timeout 60 seconds\n",
        "process db /p; start [/s] 300s; stop [/t] 60s",
    ),
    (
        "check process db with pidfile /p\n start program \"/s\" timeout 2 minutes\n",
        "process db /p; start [/s] 120s",
    ),
    (
        "check process w with pidfile /p\n start program \"/s --x\" as uid vcap and gid vcap\n stop program \"/t\" as uid \"root\" gid \"root\"\n",
        "process w /p; start [/s|--x] as vcap:vcap 30s; stop [/t] as root:root 30s",
    ),
    (
        "check process w with pidfile /p\n start program \"/s\" as uid 1000 and gid 1000 with timeout 90 seconds\n",
        "process w /p; start [/s] as 1000:1000 90s",
    ),
    (
        "check process sh with pidfile /p\n start program \"/bin/sh -c 'ulimit -n 4096; exec /x >> /log 2>&1'\"\n",
        "process sh /p; start [/bin/sh|-c|ulimit -n 4096; exec /x >> /log 2>&1] 30s",
    ),
    (
        "check process w\n  with pidfile /var/vcap/sys/run/bpm/w/w.pid\n  start program \"/var/vcap/jobs/bpm/bin/bpm start w\"\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop w\"\n  depends on db\n  group vcap\n",
        "process w /var/vcap/sys/run/bpm/w/w.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|w] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|w] 30s; groups vcap; depends db",
    ),
    (
        "check process w\n  with pidfile /var/vcap/sys/run/bpm/w/w.pid\n  start program \"/var/vcap/jobs/bpm/bin/bpm start w\"\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop w\"\n  depends on db, cache, queue\n",
        "process w /var/vcap/sys/run/bpm/w/w.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|w] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|w] 30s; depends db,cache,queue",
    ),
    (
        "check process w\n  with pidfile /var/vcap/sys/run/bpm/w/w.pid\n  start program \"/var/vcap/jobs/bpm/bin/bpm start w\"\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop w\"\n  depends on db\n  depends on cache\n",
        "process w /var/vcap/sys/run/bpm/w/w.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|w] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|w] 30s; depends db,cache",
    ),
    (
        "check process w\n  with pidfile /var/vcap/sys/run/bpm/w/w.pid\n  start program \"/var/vcap/jobs/bpm/bin/bpm start w\"\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop w\"\n  group vcap\n  group web\n",
        "process w /var/vcap/sys/run/bpm/w/w.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|w] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|w] 30s; groups vcap,web",
    ),
    (
        "check process w\n  with pidfile /var/vcap/sys/run/bpm/w/w.pid\n  start program \"/var/vcap/jobs/bpm/bin/bpm start w\"\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop w\"\n  mode manual\n",
        "process w /var/vcap/sys/run/bpm/w/w.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|w] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|w] 30s; manual",
    ),
    (
        "check process w\n  with pidfile /var/vcap/sys/run/bpm/w/w.pid\n  start program \"/var/vcap/jobs/bpm/bin/bpm start w\"\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop w\"\n  mode passive\n",
        "process w /var/vcap/sys/run/bpm/w/w.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|w] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|w] 30s; passive",
    ),
    (
        "check process w\n  with pidfile /var/vcap/sys/run/bpm/w/w.pid\n  start program \"/var/vcap/jobs/bpm/bin/bpm start w\"\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop w\"\n  every 3 cycles\n",
        "process w /var/vcap/sys/run/bpm/w/w.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|w] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|w] 30s; every 3",
    ),
    (
        "check process w\n  with pidfile /var/vcap/sys/run/bpm/w/w.pid\n  start program \"/var/vcap/jobs/bpm/bin/bpm start w\"\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop w\"\n  if totalmem > 500 Mb for 4 cycles then alert\n",
        "process w /var/vcap/sys/run/bpm/w/w.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|w] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|w] 30s; totalmemorykilobyte > 512001 4/4 -> alert",
    ),
    (
        "check process w\n  with pidfile /var/vcap/sys/run/bpm/w/w.pid\n  start program \"/var/vcap/jobs/bpm/bin/bpm start w\"\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop w\"\n  if totalmem > 2 Gb for 15 cycles then restart\n  group vcap\n",
        "process w /var/vcap/sys/run/bpm/w/w.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|w] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|w] 30s; groups vcap; totalmemorykilobyte > 2097148 15/15 -> restart",
    ),
    (
        "check process w\n  with pidfile /var/vcap/sys/run/bpm/w/w.pid\n  start program \"/var/vcap/jobs/bpm/bin/bpm start w\"\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop w\"\n  if mem > 80% then restart\n",
        "process w /var/vcap/sys/run/bpm/w/w.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|w] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|w] 30s; memorypercent > 80 -> restart",
    ),
    (
        "check process w\n  with pidfile /var/vcap/sys/run/bpm/w/w.pid\n  start program \"/var/vcap/jobs/bpm/bin/bpm start w\"\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop w\"\n  if cpu usage > 95% for 10 cycles then alert\n",
        "process w /var/vcap/sys/run/bpm/w/w.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|w] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|w] 30s; cpu > 95 10/10 -> alert",
    ),
    (
        "check process w\n  with pidfile /var/vcap/sys/run/bpm/w/w.pid\n  start program \"/var/vcap/jobs/bpm/bin/bpm start w\"\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop w\"\n  if totalcpu is greater than 50% for 3 times within 5 cycles then exec \"/x a\" else if succeeded then alert\n",
        "process w /var/vcap/sys/run/bpm/w/w.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|w] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|w] 30s; totalcpu > 50 3/5 -> exec [/x|a] 30s",
    ),
    (
        "check process w\n  with pidfile /var/vcap/sys/run/bpm/w/w.pid\n  start program \"/var/vcap/jobs/bpm/bin/bpm start w\"\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop w\"\n  if children > 250 then stop\n",
        "process w /var/vcap/sys/run/bpm/w/w.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|w] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|w] 30s; children > 250 -> stop",
    ),
    (
        "check process w\n  with pidfile /var/vcap/sys/run/bpm/w/w.pid\n  start program \"/var/vcap/jobs/bpm/bin/bpm start w\"\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop w\"\n  if 5 restarts within 5 cycles then timeout\n",
        "process w /var/vcap/sys/run/bpm/w/w.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|w] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|w] 30s; restarts 5/5 -> unmonitor",
    ),
    (
        "check process w\n  with pidfile /var/vcap/sys/run/bpm/w/w.pid\n  start program \"/var/vcap/jobs/bpm/bin/bpm start w\"\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop w\"\n  if failed host 127.0.0.1 port 8080 then restart\n",
        "process w /var/vcap/sys/run/bpm/w/w.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|w] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|w] 30s; tcp 127.0.0.1:8080 5s x1 -> restart",
    ),
    (
        "check process w\n  with pidfile /var/vcap/sys/run/bpm/w/w.pid\n  start program \"/var/vcap/jobs/bpm/bin/bpm start w\"\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop w\"\n  if failed port 8080 protocol http request \"/health\" with timeout 10 seconds for 3 cycles then restart\n",
        "process w /var/vcap/sys/run/bpm/w/w.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|w] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|w] 30s; tcp localhost:8080 http /health 10s x1 3/3 -> restart",
    ),
    (
        "check process w\n  with pidfile /var/vcap/sys/run/bpm/w/w.pid\n  start program \"/var/vcap/jobs/bpm/bin/bpm start w\"\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop w\"\n  if failed unixsocket /var/vcap/sys/run/w/s.sock with timeout 5 seconds for 5 cycles then restart\n",
        "process w /var/vcap/sys/run/bpm/w/w.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|w] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|w] 30s; unix /var/vcap/sys/run/w/s.sock 5s x1 5/5 -> restart",
    ),
    (
        "check process w\n  with pidfile /var/vcap/sys/run/bpm/w/w.pid\n  start program \"/var/vcap/jobs/bpm/bin/bpm start w\"\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop w\"\n  if failed host 10.0.0.1 port 53 type udp then alert\n",
        "process w /var/vcap/sys/run/bpm/w/w.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|w] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|w] 30s; udp 10.0.0.1:53 5s x1 -> alert",
    ),
    (
        "check process w\n  with pidfile /var/vcap/sys/run/bpm/w/w.pid\n  start program \"/var/vcap/jobs/bpm/bin/bpm start w\"\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop w\"\n  if failed port 6379 send \"PING\\r\\n\" expect \"PONG\" then restart\n",
        "process w /var/vcap/sys/run/bpm/w/w.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|w] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|w] 30s; tcp localhost:6379 2 steps 5s x1 -> restart",
    ),
    (
        "check file log with path /var/vcap/sys/log/x.log\n  if size > 1 GB then exec \"/bin/rotate\"\n  group vcap\n",
        "file log /var/vcap/sys/log/x.log; groups vcap; size > 1073740000 -> exec [/bin/rotate] 30s",
    ),
    (
        "check file f path /f\n if failed permission 0600 then alert\n if failed uid root then alert\n if failed gid 0 then unmonitor\n",
        "file f /f; permission 600 -> alert; uid root -> alert; gid 0 -> unmonitor",
    ),
    (
        "check file f path /f\n if changed timestamp then restart\n",
        "file f /f; changed age -> restart",
    ),
    (
        "check file f path /f\n if timestamp > 10 minutes then alert\n",
        "file f /f; age > 600 -> alert",
    ),
    (
        "check file f path /f\n if match \"ERROR.*\" then alert\n",
        "file f /f; content ERROR.* -> alert",
    ),
    (
        "check filesystem data with path /var/vcap/data\n if space usage > 90% for 2 cycles then alert\n if inode usage > 95% then alert\n",
        "filesystem data /var/vcap/data; spacepercent > 90 2/2 -> alert; inodepercent > 95 -> alert",
    ),
    (
        "check device root with path /\n if space usage > 80% then alert\n",
        "filesystem root /; spacepercent > 80 -> alert",
    ),
    (
        "check directory d with path /d\n if failed permission 755 then alert\n",
        "directory d /d; permission 755 -> alert",
    ),
    (
        "check system host\n if loadavg (1min) > 4 then alert\n if loadavg (5min) > 2 then alert\n if memory usage > 75% then alert\n if cpu usage (user) > 70% then alert\n if swap usage > 25% then alert\n",
        "system host; load1 > 4 -> alert; load5 > 2 -> alert; memorypercent > 75 -> alert; cpuuser > 70 -> alert; swappercent > 25 -> alert",
    ),
    (
        "check host h with address 10.0.0.9\n if failed port 443 then alert\n",
        "host h 10.0.0.9; tcp 10.0.0.9:443 5s x1 -> alert",
    ),
    (
        "check fifo q with path /q\n if failed permission 0660 then alert\n",
        "fifo q /q; permission 660 -> alert",
    ),
    (
        "check process w\n  with pidfile /var/vcap/sys/run/bpm/w/w.pid\n  start program \"/var/vcap/jobs/bpm/bin/bpm start w\"\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop w\"\n  group vcap # of BOSH\n  # if totalmem > 1 Gb then alert\n",
        "process w /var/vcap/sys/run/bpm/w/w.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|w] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|w] 30s; groups vcap",
    ),
    (
        "check process worker_1\n  with pidfile /var/vcap/sys/run/bpm/worker_1/worker_1.pid\n  start program \"/var/vcap/jobs/bpm/bin/bpm start worker_1\"\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop worker_1\"\n  group vcap\ncheck process worker-2\n  with pidfile /var/vcap/sys/run/bpm/worker-2/worker-2.pid\n  start program \"/var/vcap/jobs/bpm/bin/bpm start worker-2\"\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop worker-2\"\n  group vcap\ncheck process worker.3\n  with pidfile /var/vcap/sys/run/bpm/worker.3/worker.3.pid\n  start program \"/var/vcap/jobs/bpm/bin/bpm start worker.3\"\n  stop program \"/var/vcap/jobs/bpm/bin/bpm stop worker.3\"\n  group vcap\n",
        "process worker_1 /var/vcap/sys/run/bpm/worker_1/worker_1.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|worker_1] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|worker_1] 30s; groups vcap\nprocess worker-2 /var/vcap/sys/run/bpm/worker-2/worker-2.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|worker-2] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|worker-2] 30s; groups vcap\nprocess worker.3 /var/vcap/sys/run/bpm/worker.3/worker.3.pid; start [/var/vcap/jobs/bpm/bin/bpm|start|worker.3] 30s; stop [/var/vcap/jobs/bpm/bin/bpm|stop|worker.3] 30s; groups vcap",
    ),
    (
        "check process m matching \"java.*kafka\"\n start program \"/s\"\n",
        "matching m java.*kafka; start [/s] 30s",
    ),
];

/// Texts that are no control files, and the line to look at.
pub const WRONG: &[(&str, usize)] = &[
    ("check\n", 1),
    ("check process\n", 1),
    ("check process x\n  with pidfile\n", 2),
    (
        "check process x with pidfile /p\n  start program \"/unterminated\n",
        2,
    ),
    (
        "check process x with pidfile /p\n\n  if totalmem >> 5 then alert\n",
        3,
    ),
    ("restart everything\n", 1),
    ("check process x with pidfile /p\n  group\n", 2),
];
