//! Last words of real programs.

use super::*;

fn of(log: &str) -> String {
    let lines: Vec<String> = log.lines().map(str::to_owned).collect();
    cause(&lines).unwrap_or_default()
}

#[test]
fn node() {
    let uncaught = "/app/node_modules/convict/lib/main.js:567
      throw new VALIDATE_FAILED(output)
      ^

Error: token_expiration: Invalid token_expiration value: 7d
    at exports.validate (/app/node_modules/convict/lib/main.js:567:13)
    at Object.<anonymous> (/app/src/load-config.js:311:16)
    at Module._compile (node:internal/modules/cjs/loader:1554:14)

Node.js v20.20.2";
    assert_eq!(
        of(uncaught),
        "Error: token_expiration: Invalid token_expiration value: 7d"
    );
    let with_code = "node:internal/modules/cjs/loader:1228
  throw err;
  ^

Error: Cannot find module '/app/server.js'
    at Module._resolveFilename (node:internal/modules/cjs/loader:1225:15) {
  code: 'MODULE_NOT_FOUND',
  requireStack: []
}

Node.js v20.11.0";
    assert_eq!(of(with_code), "Error: Cannot find module '/app/server.js'");
    let by_npm = "TypeError [ERR_INVALID_URL]: Invalid URL
    at new URL (node:internal/url:797:36)
npm ERR! code ELIFECYCLE
npm ERR! A complete log of this run can be found in: /root/.npm/_logs/x.log";
    assert_eq!(of(by_npm), "TypeError [ERR_INVALID_URL]: Invalid URL");
    let pino = r#"{"level":30,"time":1717000000000,"msg":"starting"}
{"level":60,"time":1717000000001,"err":{"type":"Error","message":"connect ECONNREFUSED 10.0.0.2:5432"},"msg":"no database"}
{"level":30,"time":1717000000002,"msg":"bye"}"#;
    assert_eq!(of(pino), "no database: connect ECONNREFUSED 10.0.0.2:5432");
    // Winston, as LibreChat has it.
    let winston = "2025-05-01 10:00:00 info: Loading\n2025-05-01 10:00:00 error: Invalid custom config file: bad version\n2025-05-01 10:00:01 info: exiting";
    assert_eq!(of(winston), "Invalid custom config file: bad version");
}

#[test]
fn python() {
    let alembic = r#"INFO  [alembic.runtime.migration] Context impl SQLiteImpl.
Traceback (most recent call last):
  File "/app/backend/open_webui/migrations/env.py", line 20, in <module>
    run_migrations_online()
  File "/usr/lib/python3.11/site-packages/alembic/script/base.py", line 250, in _catch_revision_errors
    raise util.CommandError(resolution) from re
alembic.util.exc.CommandError: Can't locate revision identified by '0bd252b206fb'
"#;
    assert_eq!(
        of(alembic),
        "alembic.util.exc.CommandError: Can't locate revision identified by '0bd252b206fb'"
    );
    let chained = r#"Traceback (most recent call last):
  File "/app/main.py", line 3, in <module>
    int("x")
    ~~~^^^^^
ValueError: invalid literal for int() with base 10: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/main.py", line 5, in <module>
    raise ConfigurationProblem("PORT must be a number")
app.errors.ConfigurationProblem: PORT must be a number
[2025-05-01 10:00:00 +0000] [1] [ERROR] Worker (pid:7) exited with code 3
[2025-05-01 10:00:00 +0000] [1] [ERROR] Reason: Worker failed to boot.
"#;
    assert_eq!(
        of(chained),
        "app.errors.ConfigurationProblem: PORT must be a number"
    );
    let pydantic = r#"Traceback (most recent call last):
  File "/app/main.py", line 9, in <module>
    Settings()
pydantic_core._pydantic_core.ValidationError: 1 validation error for Settings
port
  Input should be a valid integer, unable to parse string as an integer [type=int_parsing]
    For further information visit https://errors.pydantic.dev/2.7/v/int_parsing
"#;
    assert!(
        of(pydantic).ends_with(
            "1 validation error for Settings: port: Input should be a valid integer, \
             unable to parse string as an integer [type=int_parsing]"
        ),
        "{}",
        of(pydantic)
    );
}

#[test]
fn java() {
    let spring = "2025-05-01 10:00:00 ERROR 1 --- [main] o.s.boot.SpringApplication : Application run failed

org.springframework.beans.factory.BeanCreationException: Error creating bean with name 'dataSource'
\tat org.springframework.beans.factory.support.ConstructorResolver.instantiate(ConstructorResolver.java:645)
\t... 19 common frames omitted
Caused by: org.springframework.beans.BeanInstantiationException: Failed to instantiate
\tat org.springframework.beans.factory.support.SimpleInstantiationStrategy.instantiate(S.java:177)
\t... 20 common frames omitted
Caused by: org.postgresql.util.PSQLException: FATAL: password authentication failed for user \"app\"
\tat org.postgresql.core.v3.ConnectionFactoryImpl.doAuthentication(C.java:693)
\t... 35 common frames omitted";
    assert_eq!(
        of(spring),
        "org.postgresql.util.PSQLException: FATAL: password authentication failed for user \"app\""
    );
    let plain =
        "Exception in thread \"main\" java.lang.NumberFormatException: For input string: \"week\"
\tat java.base/java.lang.Integer.parseInt(Integer.java:652)
\tat Main.main(Main.java:5)";
    assert_eq!(
        of(plain),
        "Exception in thread \"main\" java.lang.NumberFormatException: For input string: \"week\""
    );
    let failed = "***************************
APPLICATION FAILED TO START
***************************

Description:

Web server failed to start. Port 8080 was already in use.

Action:

Identify and stop the process that's listening on port 8080.";
    assert_eq!(
        of(failed),
        "Web server failed to start. Port 8080 was already in use."
    );
}

#[test]
fn go() {
    let panic = "panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x48f1a3]

goroutine 1 [running]:
main.main()
\t/app/main.go:9 +0x1d
exit status 2";
    assert_eq!(
        of(panic),
        "panic: runtime error: invalid memory address or nil pointer dereference"
    );
    let prometheus = r#"ts=2025-05-01T10:00:00.000Z caller=main.go:539 level=error msg="Error loading config (--config.file=/etc/prometheus/prometheus.yml)" file=/etc/prometheus/prometheus.yml err="parsing YAML file: not a valid duration string: \"banana\""
ts=2025-05-01T10:00:00.001Z caller=main.go:540 level=info msg="See you next time!""#;
    assert_eq!(
        of(prometheus),
        "Error loading config (--config.file=/etc/prometheus/prometheus.yml): \
         parsing YAML file: not a valid duration string: \"banana\""
    );
    let logged =
        "2025/05/01 10:00:00 listening\n2025/05/01 10:00:00 config: unknown field \"prot\"";
    assert_eq!(
        of(logged),
        "2025/05/01 10:00:00 config: unknown field \"prot\""
    );
}

#[test]
fn rust() {
    let panicked = "thread 'main' panicked at src/main.rs:4:47:
called `Result::unwrap()` on an `Err` value: Os { code: 2, kind: NotFound, message: \"No such file or directory\" }
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace";
    assert!(of(panicked).starts_with("panicked: called `Result::unwrap()` on an `Err` value: Os"));
    let earlier =
        "thread 'main' panicked at 'no port', src/main.rs:4:5\nnote: run with `RUST_BACKTRACE=1`";
    assert_eq!(
        of(earlier),
        "thread 'main' panicked at 'no port', src/main.rs:4:5"
    );
    let anyhow = "Error: could not read config

Caused by:
    0: /etc/app.toml
    1: No such file or directory (os error 2)";
    assert_eq!(
        of(anyhow),
        "Error: could not read config: No such file or directory (os error 2)"
    );
}

#[test]
fn servers() {
    let postgres = "2025-05-01 10:00:00.000 UTC [1] LOG:  starting PostgreSQL 16.2
2025-05-01 10:00:00.001 UTC [1] FATAL:  database files are incompatible with server
2025-05-01 10:00:00.001 UTC [1] DETAIL:  The data directory was initialized by PostgreSQL version 15.
2025-05-01 10:00:00.002 UTC [1] LOG:  database system is shut down";
    assert_eq!(of(postgres), "database files are incompatible with server");
    let nginx = "/docker-entrypoint.sh: Configuration complete; ready for start up
2025/05/01 10:00:00 [emerg] 1#1: unknown directive \"lisen\" in /etc/nginx/conf.d/site.conf:2
nginx: [emerg] unknown directive \"lisen\" in /etc/nginx/conf.d/site.conf:2";
    assert_eq!(
        of(nginx),
        "unknown directive \"lisen\" in /etc/nginx/conf.d/site.conf:2"
    );
    let mongo = r#"{"t":{"$date":"2025-05-01T10:00:00.000Z"},"s":"I","c":"CONTROL","id":4615611,"ctx":"initandlisten","msg":"MongoDB starting"}
{"t":{"$date":"2025-05-01T10:00:00.100Z"},"s":"F","c":"CONTROL","id":20573,"ctx":"initandlisten","msg":"Wrong mongod version","attr":{"error":"UPGRADE PROBLEM: Found an invalid featureCompatibilityVersion document"}}
{"t":{"$date":"2025-05-01T10:00:00.200Z"},"s":"I","c":"CONTROL","id":23138,"ctx":"initandlisten","msg":"Shutting down","attr":{"exitCode":62}}"#;
    assert_eq!(
        of(mongo),
        "Wrong mongod version: UPGRADE PROBLEM: Found an invalid featureCompatibilityVersion document"
    );
    let redis = "*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***
Reading the configuration file, at line 3
>>> 'maxmemory=128mb'
Bad directive or wrong number of arguments";
    assert_eq!(
        of(redis),
        ">>> 'maxmemory=128mb': Bad directive or wrong number of arguments"
    );
}

#[test]
fn what_names_no_error_is_told_by_its_last_line() {
    assert_eq!(of("starting\nMODE is bad\n\n"), "MODE is bad");
    assert_eq!(
        of("error handling is on\nready, no error"),
        "ready, no error"
    );
    assert_eq!(of("Node.js v20.1.0\n"), "Node.js v20.1.0");
    assert_eq!(of("\n\n"), "");
    // Of each life of a process the last one counts.
    assert_eq!(of("Error: one\nstart\nError: two\nstart"), "Error: two");
}

#[test]
fn the_shells_word_for_the_end_is_no_reason() {
    let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
    assert_eq!(
        cause(&lines("listening\nTerminated\n")).as_deref(),
        Some("listening")
    );
    assert_eq!(cause(&lines("Terminated\n")), None);
}
