//! A move that ends the source's processes with the checkpoint: the engine's own export, streamed. The images that the
//! source keeps are the way back. It is taken where a move in two phases is not possible.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::error::MigrateError;
use super::event::{Stage, Summary, Way};
use super::manifest::Manifest;
use super::ship::{View, departed, hash_and_length, lost, ship_difference, since, step};
use super::stream::{Broken, finish, relay};
use super::survey::Party;
use super::transaction::{Reached, Transaction, Traveller};

impl Transaction {
    /// Checkpoints, streams, restores, verifies and removes.
    pub(super) async fn by_kept_images(
        &mut self,
        from: &Party,
        to: &Party,
        traveller: Traveller,
        committed: &CancellationToken,
    ) -> Result<Summary, MigrateError> {
        let request = self.request.clone();
        let id = traveller.container.id.clone();
        self.make_networks(to, &traveller).await?;
        // Everything that can wait for its order is started before the freeze.
        let difference = self.view(&traveller.container, include_str!("scripts/difference.sh"));
        let manifest = self.view(&traveller.container, include_str!("scripts/manifest.sh"));
        let arrive = to.engine.arrive(&self.destination_directory, traveller.codec);
        let arrive_difference = to.engine.arrive_difference(&self.destination_directory);
        let restore = to.engine.restore(&self.destination_directory, &id, &traveller.arrival, traveller.size);
        let ready = async {
            Ok::<_, MigrateError>(tokio::try_join!(
                to.remote.spawn(&arrive),
                to.remote.spawn(&arrive_difference),
                to.remote.spawn(&restore),
            )?)
        };
        let (difference, manifest, (mut arrive, arrive_difference, mut restore)) =
            tokio::try_join!(View::open(from, &difference), View::open(from, &manifest), ready)?;

        self.reporter.begin(Stage::Checkpoint).await;
        let frozen_at = self.reporter.now();
        self.reached = Reached::Frozen;
        let mut depart = from
            .remote
            .spawn(&from.engine.depart(
                &self.source_directory,
                &traveller.container,
                traveller.codec,
                traveller.size,
            ))
            .await?;
        let mut guard = from.remote.spawn(&from.engine.guard(&self.source_directory, &id)).await?;
        let mut first = vec![0; 64 << 10];
        let count = depart.stdout.read(&mut first).await.map_err(|error| lost(&*from.remote, error))?;
        if count == 0 {
            finish(&*from.remote, depart, "the checkpoint").await?;
            return Err(step(&request.from, "the checkpoint ended without an archive"));
        }

        self.reporter.begin(Stage::Transfer).await;
        let mut progress = self.reporter.progress();
        let archive = async {
            let head = arrive.stdin.write_all(&first[..count]).await.map_err(Broken::Destination);
            progress.add(count as u64);
            let relayed = match head {
                Ok(()) => relay(&mut *depart.stdout, &mut *arrive.stdin, &mut progress).await,
                Err(broken) => Err(broken),
            };
            if let Err(Broken::Source(error)) = relayed {
                return Err(lost(&*from.remote, error));
            }
            if relayed.is_err() {
                // What the destination says of it is worth more than a broken pipe; dropping the source's
                // stream makes the container run there again meanwhile.
                drop(depart);
                finish(&*to.remote, arrive, "receiving the archive").await?;
                return Err(step(&request.to, "receiving the archive failed"));
            }
            let (departed, arrived) = tokio::try_join!(
                departed(&*from.remote, depart),
                finish(&*to.remote, arrive, "receiving the archive")
            )?;
            let (hash, bytes) = hash_and_length(&arrived)
                .ok_or_else(|| step(&request.to, "receiving the archive ended without its hash"))?;
            if hash != departed {
                return Err(step(&request.to, "the archive arrived damaged: its hash is not the source's"));
            }
            Ok::<u64, MigrateError>(bytes)
        };
        let files = ship_difference(from, to, difference, arrive_difference, &self.reporter);
        let (archive_bytes, (deleted, difference_bytes)) = tokio::try_join!(archive, files)?;
        let wire_bytes = progress.bytes() + difference_bytes;
        self.reporter.finish(Some(wire_bytes)).await;

        self.reporter.begin(Stage::Restore).await;
        // Until here the source brings the container back by itself when we are gone. Only when it has
        // promised not to may the destination start it.
        guard.stdin.write_all(b"handed\n").await.map_err(|error| lost(&*from.remote, error))?;
        if finish(&*from.remote, guard, "the guard").await? != b"handed\n" {
            return Err(step(&request.from, "the source has taken the container back"));
        }
        self.reached = Reached::RestoreOrdered;
        let order = |error: std::io::Error| lost(&*to.remote, error);
        restore.stdin.write_all(deleted.as_bytes()).await.map_err(order)?;
        restore.stdin.write_all(b"\n").await.map_err(order)?;
        // Described while the destination restores: the processors there are busy, ours are not.
        let ours = manifest.describe(from);
        let (restored, ours) = tokio::try_join!(finish(&*to.remote, restore, "the restore"), ours)?;
        let since =
            since(&restored).ok_or_else(|| step(&request.to, "the restore did not say that it worked"))?;

        self.reporter.begin(Stage::Verify).await;
        self.verify(to, &traveller.container, &Manifest::of_source(&ours), since).await?;
        let running_at = self.reporter.now();

        self.reporter.begin(Stage::Remove).await;
        self.reached = Reached::Committed;
        committed.cancel();
        let removed = from.engine.remove_stopped(&id).await;
        // Whatever came of that: what arrived fills memory there, and the lock keeps the container here.
        let (left, right) =
            (from.engine.tidy(&self.source_directory, &id), to.engine.tidy(&self.destination_directory, &id));
        let (left, right) = tokio::join!(from.remote.run(&left), to.remote.run(&right));
        self.left_over = self.left_over(removed.is_ok(), left.is_ok(), right.is_ok());
        removed?;
        left?;
        right?;
        self.reporter.finish(None).await;
        Ok(Summary {
            request,
            stages: self.reporter.stages().to_vec(),
            total: self.reporter.now(),
            downtime: running_at - frozen_at,
            client_gap: None,
            bytes: archive_bytes + difference_bytes,
            wire_bytes,
            warnings: traveller.warnings,
            way: Way::KeptImages,
            marks: Vec::new(),
        })
    }
}
