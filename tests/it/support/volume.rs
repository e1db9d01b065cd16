//! A small disk of the test's own, which can be filled up.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// Says that this process has a mount namespace of its own.
const INSIDE: &str = "CLOAKROOM_TEST_MOUNTS";

/// Runs a test where it may mount what it likes, and nothing of it stays: in a mount namespace of its own, which root may
/// make, and anybody else where user namespaces are allowed. `test` is the whole body of a `#[test]`.
pub fn with_mounts<T: AsyncFnOnce()>(test: T) {
    if std::env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        return runtime.block_on(test());
    }
    // As `it::full_disks::some_test::{{closure}}`.
    let name = std::any::type_name::<T>();
    let name = name.split_once("::").unwrap().1;
    let name = name.strip_suffix("::{{closure}}").unwrap();
    let is_root = fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0);
    let unshare: &[_] = match is_root {
        true => &["--mount"],
        false => &["--mount", "--map-root-user"],
    };
    let allowed = Command::new("unshare").args(unshare).arg("true").status();
    assert!(
        allowed.is_ok_and(|status| status.success()),
        "this test mounts a small disk: run it as root, or allow user namespaces to `unshare`"
    );
    let status = Command::new("unshare")
        .args(unshare)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "1")
        .status();
    assert!(status.unwrap().success(), "{name} failed on its own disk");
}

/// A disk in memory, mounted for as long as this lives.
pub struct Volume {
    path: PathBuf,
    /// Where the disk has a place of its own.
    _directory: Option<TempDir>,
}

impl Volume {
    pub fn of_mebibytes(size: u32) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut volume = Self::at(directory.path(), size);
        volume._directory = Some(directory);
        volume
    }

    /// The same at `path`, which is made.
    pub fn at(path: &Path, size: u32) -> Self {
        fs::create_dir_all(path).unwrap();
        let options = format!("size={size}m,mode=0755");
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(path)
            .status();
        assert!(status.unwrap().success(), "a small disk was not mounted");
        Self {
            path: path.to_owned(),
            _directory: None,
        }
    }

    /// From now on nothing can be written.
    pub fn remount_read_only(&self) {
        let mut mount = Command::new("mount");
        let status = mount.args(["-o", "remount,ro"]).arg(&self.path).status();
        assert!(status.unwrap().success(), "it was not mounted anew");
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    /// Takes all the room that there is.
    pub fn fill(&self) {
        let mut ballast = File::options()
            .append(true)
            .create(true)
            .open(self.ballast())
            .unwrap();
        for piece in [1 << 20, 4096, 1] {
            let piece = vec![0; piece];
            let full = loop {
                if let Err(error) = ballast.write_all(&piece) {
                    break error;
                }
            };
            assert_eq!(full.kind(), ErrorKind::StorageFull);
        }
    }

    /// Gives back what [`Self::fill`] took.
    pub fn make_room(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(self.path())
            .status();
    }
}
