//! Keys from files, with the certificates beside them; locked ones are opened by their passphrase.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::MethodKind;
use russh::keys::{
    Certificate, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey, load_openssh_certificate,
};

use super::{ATTEMPTS, Login, LoginError, Next, timed};
use crate::ssh::prompt::Secret;

/// A key file that needs its passphrase.
pub(super) struct Locked {
    path: PathBuf,
    text: Secret,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    Mention,
    Skip,
}

impl Login<'_> {
    pub(super) async fn files(
        &mut self,
        paths: &[PathBuf],
        missing: Missing,
        locked: &mut Vec<Locked>,
    ) -> Result<Next, LoginError> {
        for path in paths {
            if !self.takes(MethodKind::PublicKey) {
                break;
            }
            let text = match read_private(path).await {
                Ok(text) => text,
                Err(error) if missing == Missing::Skip && error.kind() == io::ErrorKind::NotFound => {
                    continue;
                }
                Err(error) => {
                    self.report.tried.push(format!("{}: {error}", path.display()));
                    continue;
                }
            };
            match decode(text.clone(), None).await {
                Ok(key) => match self.key(path, Arc::new(key)).await? {
                    Next::GoOn => {}
                    done => return Ok(done),
                },
                Err(russh::keys::Error::KeyIsEncrypted) => match self.ring.key(path, text.expose()) {
                    Some(key) => match self.key(path, key).await? {
                        Next::GoOn => {}
                        done => return Ok(done),
                    },
                    None => locked.push(Locked { path: path.clone(), text }),
                },
                Err(error) => self.report.tried.push(format!("{}: {error}", path.display())),
            }
        }
        Ok(Next::GoOn)
    }

    /// Offers a key: first under each certificate that belongs to it, then by itself.
    async fn key(&mut self, path: &Path, key: Arc<PrivateKey>) -> Result<Next, LoginError> {
        let public = key.public_key().clone();
        if self.tried.iter().any(|tried| tried.key_data() == public.key_data()) {
            return Ok(Next::GoOn);
        }
        self.tried.push(public.clone());
        let pause = self.pause;
        for (file, certificate) in self.certificates(path, &public).await {
            let user = self.target.settings.user.clone();
            let attempt = self.handle.authenticate_openssh_cert(user, key.clone(), certificate);
            let result = timed(pause, attempt).await?;
            match self.judge(format!("certificate {}", file.display()), result) {
                Next::GoOn => {}
                done => return Ok(done),
            }
        }
        self.plain(format!("key {}", path.display()), key).await
    }

    /// Offers a key by itself.
    pub(super) async fn plain(&mut self, what: String, key: Arc<PrivateKey>) -> Result<Next, LoginError> {
        let hash = self.hash_for(&key.public_key().clone()).await?;
        let user = self.target.settings.user.clone();
        let attempt = self.handle.authenticate_publickey(user, PrivateKeyWithHashAlg::new(key, hash));
        let result = timed(self.pause, attempt).await?;
        Ok(self.judge(what, result))
    }

    /// `KEY-cert.pub` beside the key, and the configured files that are for this key.
    async fn certificates(&self, path: &Path, key: &PublicKey) -> Vec<(PathBuf, Certificate)> {
        let mut beside = path.as_os_str().to_owned();
        beside.push("-cert.pub");
        let mut found = Vec::new();
        for file in
            std::iter::once(PathBuf::from(beside)).chain(self.target.settings.certificate_files.clone())
        {
            let path = file.clone();
            let loaded = tokio::task::spawn_blocking(move || load_openssh_certificate(path)).await;
            if let Ok(Ok(certificate)) = loaded
                && certificate.public_key() == key.key_data()
            {
                found.push((file, certificate));
            }
        }
        found
    }

    /// RSA keys must name their hash, or the SHA-1 signature that modern servers refuse would be used.
    pub(super) async fn hash_for(&mut self, key: &PublicKey) -> Result<Option<HashAlg>, LoginError> {
        if !key.algorithm().is_rsa() {
            return Ok(None);
        }
        if self.rsa_hash.is_none() {
            let asked = self.handle.best_supported_rsa_hash();
            let best = timed(self.pause, asked).await?;
            // A server that says nothing is one of before 2018; SHA-256 has been in OpenSSH since 7.2 (2016).
            self.rsa_hash = Some(match best {
                Ok(Some(hash)) => hash.or(Some(HashAlg::Sha256)),
                _ => Some(HashAlg::Sha256),
            });
        }
        Ok(self.rsa_hash.flatten())
    }

    pub(super) async fn locked_files(&mut self, locked: Vec<Locked>) -> Result<Next, LoginError> {
        for Locked { path, text } in locked {
            if !self.takes(MethodKind::PublicKey) {
                break;
            }
            if let Some(public) = public_half(&path).await
                && self.tried.iter().any(|tried| tried.key_data() == public.key_data())
            {
                continue;
            }
            match self.unlock(&path, text).await {
                Some(key) => match self.key(&path, key).await? {
                    Next::GoOn => {}
                    done => return Ok(done),
                },
                None => self.report.tried.push(format!("{}: locked, no right passphrase", path.display())),
            }
        }
        Ok(Next::GoOn)
    }

    async fn unlock(&self, path: &Path, text: Secret) -> Option<Arc<PrivateKey>> {
        let _turn = self.pause.during(self.ring.turn(&path.to_string_lossy())).await;
        // Another host's connection may have asked for it meanwhile.
        if let Some(key) = self.ring.key(path, text.expose()) {
            return Some(key);
        }
        for attempt in 0..ATTEMPTS {
            let again = if attempt == 0 { "" } else { "That was not right. " };
            let question = format!("{again}Passphrase of the key {}:", path.display());
            let answer = self.pause.during(self.prompter.secret(self.host, &question)).await?;
            // Deriving the key takes a noticeable time by design; it must not hold up other tasks.
            if let Ok(key) = decode(text.clone(), Some(answer)).await {
                let key = Arc::new(key);
                self.ring.keep_key(path, text, key.clone());
                return Some(key);
            }
        }
        None
    }
}

/// Reads a private key file. Like OpenSSH, it does not take a key of ours that others can read.
async fn read_private(path: &Path) -> io::Result<Secret> {
    let found = tokio::fs::metadata(path).await?;
    let ours = found.uid() == rustix::process::getuid().as_raw();
    if ours && found.is_file() && found.mode() & 0o077 != 0 {
        return Err(io::Error::other("others can read this private key; run chmod 600 on it"));
    }
    tokio::fs::read_to_string(path).await.map(Secret::new)
}

async fn decode(text: Secret, passphrase: Option<Secret>) -> Result<PrivateKey, russh::keys::Error> {
    let work = move || russh::keys::decode_secret_key(text.expose(), passphrase.as_ref().map(Secret::expose));
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(russh::keys::Error::CouldNotReadKey))
}

/// The public half of a key file, from `KEY.pub` or from the file itself where that is not locked away.
pub(super) async fn public_half(path: &Path) -> Option<PublicKey> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".pub");
    if let Ok(text) = tokio::fs::read_to_string(PathBuf::from(beside)).await
        && let Ok(key) = PublicKey::from_openssh(text.trim())
    {
        return Some(key);
    }
    let text = tokio::fs::read_to_string(path).await.ok()?;
    if let Ok(key) = PublicKey::from_openssh(text.trim()) {
        return Some(key);
    }
    // OpenSSH's own format keeps the public half readable even when the key is encrypted.
    PrivateKey::from_openssh(&text).ok().map(|key| key.public_key().clone())
}
