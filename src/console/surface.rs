//! What is drawn on: a backend that can keep a frame together and reach the clipboard.

use std::io::{self, Write};

use crossterm::clipboard::CopyToClipboard;
use crossterm::cursor::Hide;
use crossterm::queue;
use crossterm::style::{Attribute, SetAttribute};
use crossterm::terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// One frame in one write: some 200x60 cells with their colours fit.
const WRITE_BUFFER: usize = 64 * 1024;

/// A backend with what the console needs besides cells.
pub trait Surface: Backend {
    /// From here on the terminal shows nothing until the frame's end (DEC mode 2026; others ignore it).
    fn begin_frame(&mut self) -> io::Result<()>;
    /// Empties the screen and hides the cursor, as a part of the frame.
    fn erase(&mut self) -> io::Result<()>;
    /// The frame is whole.
    fn end_frame(&mut self) -> io::Result<()>;
    /// Puts a text on the clipboard of the terminal's own machine (OSC 52).
    fn copy(&mut self, text: &str) -> io::Result<()>;
}

impl<W: Write> Surface for CrosstermBackend<W> {
    fn begin_frame(&mut self) -> io::Result<()> {
        queue!(self, BeginSynchronizedUpdate)
    }

    fn erase(&mut self) -> io::Result<()> {
        // The backend's own clear and hide_cursor flush at once, which would show an empty screen.
        queue!(self, SetAttribute(Attribute::Reset), Clear(ClearType::All), Hide)
    }

    fn end_frame(&mut self) -> io::Result<()> {
        queue!(self, EndSynchronizedUpdate)
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        queue!(self, CopyToClipboard::to_clipboard_from(text))?;
        Write::flush(self)
    }
}

/// The terminal as a surface: every frame reaches it in one write.
pub(crate) fn terminal() -> CrosstermBackend<io::BufWriter<io::Stdout>> {
    CrosstermBackend::new(io::BufWriter::with_capacity(WRITE_BUFFER, io::stdout()))
}

/// Draws frames, and only what differs from the frame before.
pub(crate) struct Painter<S> {
    pub(crate) surface: S,
    shown: Buffer,
    next: Buffer,
    frames: u64,
    stale: bool,
}

impl<S: Surface> Painter<S>
where
    S::Error: Send + Sync + 'static,
{
    pub(crate) fn new(surface: S) -> Self {
        Self { surface, shown: Buffer::default(), next: Buffer::default(), frames: 0, stale: true }
    }

    /// Frames that reached the terminal.
    pub(crate) fn frames(&self) -> u64 {
        self.frames
    }

    /// What is on the terminal is not known any more; the next frame is drawn whole.
    pub(crate) fn forget(&mut self) {
        self.stale = true;
    }

    /// Draws a screen of some columns and rows. When it would stay as it is, not a byte is written.
    pub(crate) fn draw(
        &mut self,
        (columns, rows): (u16, u16),
        paint: impl FnOnce(&mut Buffer),
    ) -> io::Result<()> {
        let area = Rect::new(0, 0, columns, rows);
        let whole = self.stale || self.shown.area != area;
        self.next.resize(area);
        self.next.reset();
        paint(&mut self.next);
        if whole {
            self.shown.resize(area);
            self.shown.reset();
        }
        let changes = self.shown.diff(&self.next);
        if changes.is_empty() && !whole {
            return Ok(());
        }
        self.surface.begin_frame()?;
        if whole {
            self.surface.erase()?;
        }
        self.surface.draw(changes.into_iter()).map_err(io::Error::other)?;
        self.surface.end_frame()?;
        self.surface.flush().map_err(io::Error::other)?;
        std::mem::swap(&mut self.shown, &mut self.next);
        (self.stale, self.frames) = (false, self.frames + 1);
        Ok(())
    }
}
