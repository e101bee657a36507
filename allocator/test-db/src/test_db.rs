use std::thread;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use tokio_postgres::{Config, NoTls};

use crate::{
    connect::{connect, maintenance_config},
    template,
};

/// A migrated, empty database, dropped along with this value: keep it for as long as the test
/// uses the database.
#[must_use = "the database is dropped with this value"]
pub struct TestDb {
    name: String,
    maintenance: Config,
}

impl TestDb {
    /// Panics when there is no Postgres to make it in, with a sentence that says what to run.
    pub async fn create() -> Self {
        let maintenance = maintenance_config();
        let client = connect(&maintenance).await;
        template::ensure(&client, &maintenance).await;
        let name = client
            .query_one("SELECT 'test_' || replace(gen_random_uuid()::text, '-', '')", &[])
            .await
            .expect("no name for the test's database")
            .get(0);
        client
            .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {}", template::NAME))
            .await
            .expect("the test's database could not be made");
        Self { name, maintenance }
    }

    /// How to connect to the database, as its owner.
    pub fn config(&self) -> Config {
        let mut config = self.maintenance.clone();
        config.dbname(&self.name);
        config
    }

    /// A pool of at most `size` connections, opened when first needed.
    pub fn pool(&self, size: usize) -> Pool {
        let recycling_method = RecyclingMethod::Fast;
        let manager =
            Manager::from_config(self.config(), NoTls, ManagerConfig { recycling_method });
        Pool::builder(manager).max_size(size).build().expect("a pool without timeouts")
    }
}

impl Drop for TestDb {
    /// In the background: a test need not wait for it, and what the end of the program cuts short
    /// goes with the cluster.
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let maintenance = self.maintenance.clone();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime to drop the database").block_on(async {
                let client = connect(&maintenance).await;
                client.batch_execute(&drop).await.expect("the test's database stays");
            });
        });
    }
}
