use std::sync::Arc;

use tracing::warn;

use super::{
    Sources,
    card::WatchedCard,
    driver::{self, Driver},
    kernel_log::KernelLog,
    nvidia_smi::NvidiaSmi,
    question::Question,
    reading::Card,
    verdict::Verdict,
    xid::Xids,
    xid_events,
};

/// Looks at the GPUs, time and again. Until the driver can be used, each look tries to load it:
/// a machine may get its driver after its agent.
pub struct Monitor {
    sources: Sources,
    opening: Question<Driver>,
    driver: Option<OpenDriver>,
    nvidia_smi: NvidiaSmi,
    kernel_log: KernelLog,
    xids: Arc<Xids>,
}

struct OpenDriver {
    version: Option<String>,
    cards: Vec<WatchedCard>,
}

/// What one look saw.
pub struct Look {
    pub verdict: Verdict,
    /// Version of the driver.
    pub driver: Option<String>,
    pub cards: Vec<Card>,
}

impl Monitor {
    pub fn new(sources: Sources) -> Self {
        let kernel_log = KernelLog::open(&sources.kernel_log);
        let xids = Arc::default();
        let nvidia_smi = NvidiaSmi::default();
        Self { sources, opening: Question::new(), driver: None, nvidia_smi, kernel_log, xids }
    }

    /// Takes at most a few seconds for each signal that hangs for the first time.
    pub async fn look(&mut self) -> Look {
        let mut driver = match self.driver.take() {
            Some(driver) => driver,
            None => match self.load().await {
                Ok(driver) => driver,
                Err(without_driver) => return without_driver,
            },
        };
        let mut cards = Vec::new();
        for card in &mut driver.cards {
            cards.push(card.look().await);
        }
        self.kernel_log.read(&self.xids);
        let verdict = Verdict::of(&cards, &self.xids.all());
        let version = driver.version.clone();
        self.driver = Some(driver);
        Look { verdict, driver: version, cards }
    }

    /// Loads the driver's library; without one there is nothing but a verdict.
    async fn load(&mut self) -> Result<OpenDriver, Look> {
        let without_cards = |verdict| Look { verdict, driver: None, cards: Vec::new() };
        self.kernel_log.read(&self.xids);
        let xids = self.xids.all();
        let library = self.sources.nvml.clone();
        match self.opening.ask(move || driver::open(&library)).await {
            None => {
                let reason = "the NVIDIA driver does not answer: restart the machine";
                Err(without_cards(Verdict::of(&[], &xids).and(reason.to_owned())))
            }
            Some(Driver::Broken(reason)) => Err(without_cards(Verdict::of(&[], &xids).and(reason))),
            Some(Driver::NoGpu) => Err(without_cards(Verdict::none())),
            Some(Driver::NoLibrary) => {
                let (verdict, cards) = self.nvidia_smi.look(&xids).await;
                Err(Look { verdict, driver: None, cards })
            }
            Some(Driver::Open { nvml, version, gpus }) => {
                if let Err(problem) = xid_events::follow(nvml, gpus, Arc::clone(&self.xids)) {
                    warn!("no thread for the driver's events: {problem}");
                }
                let cards = (0..gpus).map(|index| WatchedCard::new(nvml, index)).collect();
                Ok(OpenDriver { version, cards })
            }
        }
    }
}
