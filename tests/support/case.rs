//! A container that a test moves about, and what has to hold of it in the end whatever happened.

use super::moving::{Outcome, Scene};
use super::wait_until;

/// The containers that a lab has on its first host.
pub const SAMPLES: [&str; 3] = ["counter", "redis", "web"];
/// The image that counts.
pub const COUNTER: &str = "localhost/drover/counter:latest";

/// A counting container of this test alone on h1 and what has to hold of it in the end.
pub struct Case {
    pub scene: Scene,
    pub name: &'static str,
    pub id: String,
    pub process: String,
    pub seen: u64,
}

impl Case {
    /// The usual one.
    pub fn begin(name: &'static str) -> Option<Self> {
        Self::with(name, |scene| scene.counter("h1", name))
    }

    /// One that takes seconds to transfer.
    pub fn heavy(name: &'static str) -> Option<Self> {
        Self::with(name, |scene| scene.heavy("h1", name, 100))
    }

    /// Whatever this starts under that name; it has to print numbers.
    pub fn with(name: &'static str, start: impl FnOnce(&Scene) -> String) -> Option<Self> {
        let scene = Scene::begin()?;
        let id = start(&scene);
        let seen = wait_until("it counts", || scene.log("h1", name).last().copied());
        let process = scene.process("h1", name);
        Some(Self { scene, name, id, process, seen })
    }

    /// Moves it away from h1 and waits for the end.
    pub fn migrate(&self, to: &str) -> Outcome {
        self.scene.migrate(self.name, "h1", to)
    }

    /// It was never frozen: the same process counts on.
    pub fn untouched(&self) {
        assert_eq!(self.scene.process("h1", self.name), self.process, "the same process runs");
        self.back();
    }

    /// It runs on h1 alone, lost nothing, and nothing of the attempt is left there.
    pub fn back(&self) {
        self.scene.counts_on("h1", self.name, &self.id, self.seen);
        self.scene.nothing_of_ours("h1");
        let format = "podman ps --all --external --format '{{.Names}}'";
        assert!(
            self.scene.ssh("h1", format).lines().all(|name| name == self.name || SAMPLES.contains(&name))
        );
    }

    /// As above, and nothing is left on a host without containers either.
    pub fn back_and_nothing_on(&self, host: &str) {
        self.back();
        self.scene.nothing_left(host, &[]);
    }

    /// It can still be moved.
    pub fn moves_to(&self, host: &str) {
        self.migrate(host).says(0, &[]);
        self.scene.counts_on(host, self.name, &self.id, self.seen);
        self.scene.nothing_of_ours("h1");
        self.scene.nothing_of_ours(host);
    }
}
