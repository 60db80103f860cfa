//! Redirections.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::flow::Step;
use super::state::Shell;
use super::syntax::{Redirect, Target, Word};
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::files::Kind;
use crate::simulation::machine::namespace::LastLink;
use crate::simulation::machine::open::{Access, OpenFile};
use crate::simulation::machine::pipe::Pipe;

/// What a descriptor was before. Kept outside of the process' files, so that no child inherits it.
pub type Saved = Vec<(u32, Option<Arc<OpenFile>>)>;

impl Shell<'_> {
    /// Changes descriptors and remembers what they were. False if one could not be changed, which was said and
    /// has set the status.
    pub fn redirect<'a>(
        &'a mut self,
        redirects: &'a [Redirect],
        saved: &'a mut Saved,
    ) -> BoxFuture<'a, Step<bool>> {
        Box::pin(async move {
            for redirect in redirects {
                let opened = match &redirect.target {
                    Target::Read(word) => self.opened(word, Access::Read).await?,
                    Target::Write(word) => {
                        let access = if self.options.has('C') { Access::New } else { Access::Write };
                        self.opened(word, access).await?
                    }
                    Target::Clobber(word) => self.opened(word, Access::Write).await?,
                    Target::Append(word) => self.opened(word, Access::Append).await?,
                    Target::ReadWrite(word) => self.opened(word, Access::ReadWrite).await?,
                    Target::Duplicate(word) => self.duplicated(word).await?,
                    Target::Here(text) => {
                        let text = match text.get() {
                            Some(word) => self.single(word).await?,
                            None => String::new(),
                        };
                        let (reader, writer) = Pipe::ends();
                        // An empty pipe takes a text of any length.
                        let _ = writer.write(text.into()).await;
                        Some(Some(OpenFile::reader(reader)))
                    }
                };
                let Some(file) = opened else {
                    self.status = 2;
                    return Ok(false);
                };
                let before = match file {
                    Some(file) => self.process.files.insert(redirect.descriptor, file),
                    None => self.process.files.remove(&redirect.descriptor),
                };
                saved.push((redirect.descriptor, before));
            }
            Ok(true)
        })
    }

    /// Puts descriptors back.
    pub fn restore(&mut self, saved: Saved) {
        for (descriptor, before) in saved.into_iter().rev() {
            match before {
                Some(file) => self.process.files.insert(descriptor, file),
                None => self.process.files.remove(&descriptor),
            };
        }
    }

    /// What a word names, opened; none if that failed, which was said.
    async fn opened(&mut self, word: &Word, access: Access) -> Step<Option<Option<Arc<OpenFile>>>> {
        let path = self.single(word).await?;
        // Only a plain file is protected by `set -C`.
        let access = match self.process.find(&path, LastLink::Follow) {
            Ok(place) if access == Access::New && !matches!(place.node.kind, Kind::File(_)) => Access::Write,
            _ => access,
        };
        let error = match self.process.open(&path, access).await {
            Ok(file) => return Ok(Some(Some(file))),
            Err(error) => error,
        };
        let (verb, reason) = match (access, error) {
            (Access::Read | Access::ReadWrite, Errno::NotFound) => ("open", "No such file".to_owned()),
            (Access::Read, error) => ("open", error.to_string()),
            (_, Errno::NotFound) => ("create", "Directory nonexistent".to_owned()),
            (_, error) => ("create", error.to_string()),
        };
        self.complain_plainly(format!("cannot {verb} {path}: {reason}")).await;
        Ok(None)
    }

    async fn duplicated(&mut self, word: &Word) -> Step<Option<Option<Arc<OpenFile>>>> {
        let text = self.single(word).await?;
        if text == "-" {
            return Ok(Some(None));
        }
        let number = match text.chars().collect::<Vec<_>>().as_slice() {
            [digit] => digit.to_digit(10),
            _ => None,
        };
        let Some(number) = number else {
            return self.fail("Syntax error: Bad fd number").await;
        };
        match self.process.files.get(&number) {
            Some(file) => Ok(Some(Some(file.clone()))),
            None => {
                self.complain_plainly(format!("{number}: {}", Errno::BadDescriptor)).await;
                Ok(None)
            }
        }
    }

    async fn complain_plainly(&mut self, message: String) {
        let builtin = self.builtin.take();
        self.complain(message).await;
        self.builtin = builtin;
    }
}
