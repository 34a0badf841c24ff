//! Reading a FIFO that another program opens, closes, deletes and makes anew as it likes.
//!
//! keepalived closes its FIFO at every reload and, if it made it, deletes it: a reader sees the
//! end of the file and must open the path again.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::unix::pipe::{OpenOptions, Receiver};
use tokio::sync::mpsc::Sender;
use tokio::time::sleep;

use super::lines::{Line, Lines};

/// A line longer than this is thrown away up to its end.
const LONGEST_LINE: usize = 1024;

/// How soon the path is opened again, doubling up to the second of them.
const AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// What a reader hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// One whole line, without its end.
    Line(Vec<u8>),
    /// Somebody has it open for writing.
    Open,
    /// Nothing can be heard, and why. Told once until it is open again.
    Silent(String),
}

/// Reads for ever, or until nobody listens.
pub async fn read(path: PathBuf, tell: Sender<Heard>) {
    let mut pause = AGAIN.0;
    let mut said = None;
    loop {
        let why = match listen(&path, &tell, &mut said).await {
            Ok(Ended::NobodyListens) => return,
            Ok(Ended::Closed { heard: true }) => {
                // A reload: it will be open again in a moment.
                pause = AGAIN.0;
                sleep(pause).await;
                continue;
            }
            Ok(Ended::Closed { heard: false }) => {
                format!("{}: nobody has it open for writing", path.display())
            }
            Err(error) => format!("{}: {}", path.display(), words(&error)),
        };
        if said.as_ref() != Some(&why) {
            said = Some(why.clone());
            if tell.send(Heard::Silent(why)).await.is_err() {
                return;
            }
        }
        sleep(pause).await;
        pause = (pause * 2).min(AGAIN.1);
    }
}

fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "is not there; does keepalived run with it?".to_owned(),
        io::ErrorKind::InvalidInput => {
            "is not a FIFO; take it away, keepalived makes one".to_owned()
        }
        _ => error.to_string(),
    }
}

enum Ended {
    NobodyListens,
    /// The other side closed; `heard` if it had been open at all.
    Closed {
        heard: bool,
    },
}

async fn listen(path: &Path, tell: &Sender<Heard>, said: &mut Option<String>) -> io::Result<Ended> {
    let pipe = OpenOptions::new().open_receiver(path)?;
    let mut lines = Lines::up_to(LONGEST_LINE);
    let mut open = false;
    let mut chunk = [0; 4096];
    loop {
        let length = match pipe.try_read(&mut chunk) {
            Ok(0) => return Ok(Ended::Closed { heard: open }),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        if !open {
            open = true;
            *said = None;
            if tell.send(Heard::Open).await.is_err() {
                return Ok(Ended::NobodyListens);
            }
        }
        for line in lines.take(&chunk[..length]) {
            let Line::Whole(line) = line else { continue };
            if tell.send(Heard::Line(line)).await.is_err() {
                return Ok(Ended::NobodyListens);
            }
        }
        if length == 0 && wait(&pipe, tell).await? {
            return Ok(Ended::NobodyListens);
        }
    }
}

/// Waits for more to read; true if nobody listens any more.
async fn wait(pipe: &Receiver, tell: &Sender<Heard>) -> io::Result<bool> {
    tokio::select! {
        ready = pipe.readable() => ready.map(|()| false),
        () = tell.closed() => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions as Files;
    use std::io::Write;

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;
    use tokio::sync::mpsc::{self, Receiver};
    use tokio::time::timeout;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    async fn next(heard: &mut Receiver<Heard>) -> Heard {
        timeout(PATIENCE, heard.recv()).await.unwrap().unwrap()
    }

    /// As keepalived opens it: for reading too, so that it never waits for a reader.
    fn writer(path: &Path) -> std::fs::File {
        Files::new().read(true).write(true).open(path).unwrap()
    }

    fn line(text: &str) -> Heard {
        Heard::Line(text.as_bytes().to_vec())
    }

    #[tokio::test]
    async fn a_fifo_that_comes_is_followed_and_one_that_vanishes_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lvs.fifo");
        let (tell, mut heard) = mpsc::channel(16);
        tokio::spawn(read(path.clone(), tell));
        let silent = next(&mut heard).await;
        assert!(
            matches!(&silent, Heard::Silent(why) if why.contains("is not there")),
            "{silent:?}"
        );

        mkfifo(&path, Mode::S_IRWXU).unwrap();
        let mut keepalived = writer(&path);
        loop {
            match next(&mut heard).await {
                Heard::Open => break,
                Heard::Silent(_) => {}
                other @ Heard::Line(_) => panic!("{other:?}"),
            }
        }
        keepalived.write_all(b"VS FWM 80 UP\n").unwrap();
        assert_eq!(next(&mut heard).await, line("VS FWM 80 UP"));

        // It vanishes, and that is told.
        std::fs::remove_file(&path).unwrap();
        drop(keepalived);
        let silent = next(&mut heard).await;
        assert!(
            matches!(&silent, Heard::Silent(why) if why.contains("is not there")),
            "{silent:?}"
        );
    }

    #[tokio::test]
    async fn of_a_keepalived_restarted_in_the_middle_of_a_write_half_a_line_is_no_news() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lvs.fifo");
        mkfifo(&path, Mode::S_IRWXU).unwrap();
        let mut keepalived = writer(&path);
        let (tell, mut heard) = mpsc::channel(16);
        tokio::spawn(read(path.clone(), tell));
        keepalived.write_all(b"VS FWM 80 UP\n\0RS half").unwrap();
        assert_eq!(next(&mut heard).await, Heard::Open);
        assert_eq!(next(&mut heard).await, line("VS FWM 80 UP"));

        // Closed, deleted, made anew.
        std::fs::remove_file(&path).unwrap();
        drop(keepalived);
        mkfifo(&path, Mode::S_IRWXU).unwrap();
        let mut keepalived = writer(&path);
        keepalived.write_all(b"VS FWM 80 DOWN\n").unwrap();
        loop {
            match next(&mut heard).await {
                Heard::Line(text) => {
                    assert_eq!(text, b"VS FWM 80 DOWN");
                    break;
                }
                Heard::Open | Heard::Silent(_) => {}
            }
        }
    }

    #[tokio::test]
    async fn a_file_in_the_place_of_the_fifo_is_named_and_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lvs.fifo");
        std::fs::write(&path, "VS FWM 80 UP\n").unwrap();
        let (tell, mut heard) = mpsc::channel(16);
        tokio::spawn(read(path, tell));
        let silent = next(&mut heard).await;
        assert!(
            matches!(&silent, Heard::Silent(why) if why.contains("not a FIFO")),
            "{silent:?}"
        );
    }
}
