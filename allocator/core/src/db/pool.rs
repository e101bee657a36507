use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use deadpool_postgres::{
    Connect, Hook, HookError, Manager, ManagerConfig, Pool, QueueMode, RecyclingMethod, Runtime,
    Timeouts,
};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Error};

use super::{Server, dial::dial, limits};

/// A pool of at most `connections` connections, each opened when it is first needed. The one that was
/// used last is taken first: its server process has warm caches.
pub(super) fn new(server: Server, connections: usize) -> Pool {
    let mut config = server.config().clone();
    let milliseconds = |limit: Duration| limit.as_millis();
    // Statements are planned once for a connection, for all values: to plan one takes longer than to
    // run it. A table may be empty then, and grows: no plan may read it whole. Compiling a plan, or
    // sharing it among processes, takes longer than any statement of ours.
    config.application_name("lablink").options(format!(
        "-c statement_timeout={} -c idle_in_transaction_session_timeout={} \
         -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off \
         -c max_parallel_workers_per_gather=0",
        milliseconds(limits::STATEMENT),
        milliseconds(limits::IDLE_TRANSACTION)
    ));
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_connect(config, Dialler { server }, recycling);
    Pool::builder(manager)
        .max_size(connections)
        .runtime(Runtime::Tokio1)
        .queue_mode(QueueMode::Lifo)
        .timeouts(Timeouts {
            wait: Some(limits::POOL),
            create: Some(limits::CONNECT),
            recycle: Some(limits::POOL),
        })
        .pre_recycle(asked_after_a_while())
        .build()
        .expect("a runtime is set, which is all that a pool with timeouts needs")
}

struct Dialler {
    server: Server,
}

type Dialled<'a> =
    Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + 'a>>;

impl Connect for Dialler {
    fn connect(&self, config: &Config) -> Dialled<'_> {
        let config = config.clone();
        Box::pin(async move {
            let mut cuts = self.server.cuts();
            let (client, driver) = dial(&config, &self.server.tls(), limits::SILENCE).await?;
            let driving = tokio::spawn(async move {
                tokio::select! {
                    ended = driver => {
                        if let Err(error) = ended {
                            let error = &error as &dyn std::error::Error;
                            tracing::warn!(error, "a database connection ended");
                        }
                    }
                    // A statement that waits for an answer fails, since the connection is closed.
                    _ = cuts.changed() => {}
                }
            });
            Ok((client, driving))
        })
    }
}

/// A connection that lay idle may be dead, and nobody would know before its next statement. If one
/// is dead, those that lay idle at the same time are given up too, without a check. Busy ones are
/// not: an answer, or the listener's pulse, tells whether they live.
fn asked_after_a_while() -> Hook {
    let silent_at: Arc<Mutex<Option<Instant>>> = Arc::default();
    Hook::async_fn(move |client, metrics| {
        let silent_at = Arc::clone(&silent_at);
        Box::pin(async move {
            let last_used = Instant::now() - metrics.last_used();
            if last_used.elapsed() < limits::TRUSTED {
                return Ok(());
            }
            if lock(&silent_at).is_some_and(|found| last_used < found) {
                return Err(HookError::message("another one that was idle has fallen silent"));
            }
            match tokio::time::timeout(limits::RECYCLE, client.simple_query("")).await {
                Ok(answer) => answer.map(|_nothing| ()).map_err(HookError::Backend),
                Err(_elapsed) => {
                    *lock(&silent_at) = Some(Instant::now());
                    Err(HookError::message("the connection has fallen silent"))
                }
            }
        })
    })
}

fn lock(at: &Mutex<Option<Instant>>) -> MutexGuard<'_, Option<Instant>> {
    at.lock().unwrap_or_else(PoisonError::into_inner)
}
