//! The terminal itself: taken once, given back exactly once, whatever happens.
//!
//! It is given back when the console ends, when any part of drover panics, at SIGTERM and SIGHUP, and for as long
//! as drover is stopped with Ctrl-Z.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::terminal::{
    EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, queue};
use rustix::process::{Signal as Number, getpid, getppid, getsid, kill_current_process_group, kill_process};
use tokio::signal::unix::{Signal as Listener, SignalKind, signal};
use tokio::sync::Notify;

use super::run::ConsoleError;

/// Whether the terminal is ours now. There is one terminal per process.
static TAKEN: AtomicBool = AtomicBool::new(false);

fn take() -> io::Result<()> {
    if TAKEN.swap(true, Ordering::SeqCst) {
        return Ok(());
    }
    enable_raw_mode()?;
    let mut out = io::stdout();
    queue!(out, EnterAlternateScreen, EnableBracketedPaste, cursor::Hide)?;
    out.flush()
}

/// Gives the terminal back if it is ours. Errors are of no use here: a terminal that is gone needs nothing.
fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = io::stdout();
    let _ = queue!(out, EndSynchronizedUpdate, DisableBracketedPaste, cursor::Show, LeaveAlternateScreen);
    let _ = out.flush();
    let _ = disable_raw_mode();
}

/// What the operating system says to the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGTERM or SIGHUP.
    Terminate,
    /// SIGCONT: the terminal may be in any state.
    Continued,
    /// Some part of drover panicked; the report is on the screen already.
    Fault,
}

/// What came of asking to be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suspension {
    /// The signal is on its way.
    Coming,
    /// Nobody could ever continue us.
    Impossible,
}

/// The process around the loop; tests have one of their own.
pub(crate) trait Host {
    /// The next signal. Dropping the future loses none.
    fn signal(&mut self) -> impl Future<Output = Signal>;
    /// Asks to be stopped as Ctrl-Z does.
    fn suspend(&mut self) -> io::Result<Suspension>;
    /// Takes the terminal again and says how large it is.
    fn resume(&mut self) -> io::Result<Option<(u16, u16)>>;
    /// Whether the terminal is ours, so that frames make sense.
    fn is_shown(&self) -> bool;
}

/// The terminal while it is ours. Dropping it gives it back.
pub(crate) struct Guard {
    terminate: Listener,
    hang_up: Listener,
    stop: Listener,
    continued: Listener,
    fault: Arc<Notify>,
}

impl Guard {
    /// Takes the terminal and installs the panic hook and the signal handlers.
    pub(crate) fn take() -> Result<Self, ConsoleError> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Err(ConsoleError::NoTerminal);
        }
        let fault = Arc::new(Notify::new());
        let guard = Self {
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            stop: signal(SignalKind::from_raw(Number::TSTP.as_raw()))?,
            continued: signal(SignalKind::from_raw(Number::CONT.as_raw()))?,
            fault: fault.clone(),
        };
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // First the terminal, then the report: on the alternate screen nobody would ever read it.
            give_back();
            report(panic);
            fault.notify_one();
        }));
        take()?;
        Ok(guard)
    }

    /// Stops the process; it goes on in `signal` when SIGCONT comes.
    fn stop_now(&self) {
        give_back();
        // Our handler has replaced the stop that SIGTSTP would have caused; SIGSTOP cannot be replaced.
        let _ = kill_process(getpid(), Number::STOP);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        give_back();
    }
}

impl Host for Guard {
    async fn signal(&mut self) -> Signal {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return Signal::Terminate,
                _ = self.hang_up.recv() => return Signal::Terminate,
                _ = self.continued.recv() => return Signal::Continued,
                () = self.fault.notified() => return Signal::Fault,
                _ = self.stop.recv() => {}
            }
            self.stop_now();
        }
    }

    fn suspend(&mut self) -> io::Result<Suspension> {
        // Without a shell that does job control nobody could ever bring us back. Our parent is then in another
        // session, as with `tmux new drover` or a terminal that runs drover directly.
        let job_control = getppid().is_some_and(|parent| {
            getsid(Some(parent)).is_ok_and(|theirs| getsid(None).is_ok_and(|ours| ours == theirs))
        });
        if !job_control {
            return Ok(Suspension::Impossible);
        }
        // To the whole group: whatever started us (`cargo run`, `sudo`) must stop with us.
        kill_current_process_group(Number::TSTP)?;
        Ok(Suspension::Coming)
    }

    fn resume(&mut self) -> io::Result<Option<(u16, u16)>> {
        // The shell may have changed the terminal while we were stopped, even by a SIGSTOP that nobody could see coming.
        give_back();
        take()?;
        crossterm::terminal::size().map(Some)
    }

    fn is_shown(&self) -> bool {
        TAKEN.load(Ordering::SeqCst)
    }
}
