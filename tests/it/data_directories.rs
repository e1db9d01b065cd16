//! Data directories: whatever they are called they work, and where one cannot be used, the path and the way out are said.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
};

use super::cli::succeeded;
use crate::support::{
    Person, Program, TestApp,
    person::PASSWORD,
    volume::{Volume, with_mounts},
};

const NAMES: [&str; 9] = [
    "my%20files",
    "q?x=1",
    "q?mode=memory",
    "a#b",
    "with blanks",
    "it's \"quoted\"",
    "100%",
    "n\u{e4}me \u{1f5c4}",
    "file:x&y;z",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_may_be_called_anything() {
    for name in NAMES {
        let program = Program::with(None);
        let data = program.path(name);
        let program = program.set("DATA_DIR", data.to_str().unwrap());
        let server = program.serve();
        let alice = Person::anonymous(&server.base);
        alice.sign_up("alice").await;
        let file = alice.upload("a.txt", b"hello").await;
        assert_eq!(alice.get(&alice.ticket(&file).await).await.bytes, b"hello");
        server.kill();

        succeeded(&program.run_with(&["create-user", "bob"], PASSWORD));
        succeeded(&program.run(&["verify", "--deep", "--repair"]));
        // All of it is there, and nowhere else.
        let beside = fs::read_dir(data.parent().unwrap()).unwrap();
        let beside: Vec<_> = beside.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(beside, [name]);
        let is_open = |file: &str| fs::metadata(data.join(file)).unwrap().mode() & 0o077 != 0;
        assert!(!is_open("cloakroom.sqlite3"), "{name}");
        // A mode that is wrong is found, and the command that mends it works.
        fs::set_permissions(
            data.join("cloakroom.sqlite3"),
            Permissions::from_mode(0o666),
        )
        .unwrap();
        let said = program.run(&["verify"]).err;
        let command = said
            .split('`')
            .nth(1)
            .unwrap_or_else(|| panic!("{name}: {said}"));
        let done = std::process::Command::new("sh")
            .args(["-c", command])
            .status();
        assert!(done.unwrap().success(), "{command}");
        succeeded(&program.run(&["verify"]));
    }
}

/// The three that nginx cannot have between quotes are refused where its configuration is made.
#[tokio::test(flavor = "multi_thread")]
async fn nginx_finds_the_content_whatever_the_data_directory_is_called() {
    for name in ["my%20files", "q?x=1#b", "with blanks & it's;{}"] {
        let server = TestApp::behind_nginx(|options| {
            let parent = Path::new(&options.data_dir).parent().unwrap().to_owned();
            options.data_dir = parent.join(name).display().to_string();
        })
        .await;
        let alice = server.person("alice").await;
        let file = alice.upload("a.txt", b"hello").await;
        let download = alice.get(&alice.ticket(&file).await).await;
        assert_eq!(download.status, 200, "{name}");
        assert_eq!(download.bytes, b"hello", "{name}");
    }
    for value in [
        "/srv/a\"b/content/",
        "/srv/a\\b/content/",
        "/srv/$a/content/",
    ] {
        let mut render = std::process::Command::new("nginx/render");
        render
            .arg("nginx/cloakroom.conf.template")
            .arg(format!("CONTENT_DIR={value}"));
        let output = render
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(64), "{value}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("CONTENT_DIR"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_path_of_a_database_is_taken_as_it_is() {
    for name in ["my%20files.sqlite3", "q?x=1", "a#b", "with blanks"] {
        let program = Program::with(None);
        let path = program.path(name);
        for scheme in ["sqlite:", "sqlite://"] {
            let program = program_of(&program, &format!("{scheme}{}", path.display()));
            succeeded(&program.run(&["migrate"]));
            assert!(path.is_file(), "{name}");
        }
    }
    for (url, said) in [
        ("sqlite:", "names no path"),
        ("sqlite::memory:", "names no file"),
        ("sqlite:file:x", "names no file"),
        ("sqlite:/tmp/x?mode=rwc", "has parameters"),
        ("sqlite:///tmp/x?cache=shared&mode=ro", "has parameters"),
    ] {
        let printed = Program::with(None)
            .set("DATABASE_URL", url)
            .run(&["migrate"]);
        assert_eq!(printed.status, Some(2), "{printed:?}");
        let said = format!("CLOAKROOM_DATABASE_URL: {said}");
        assert!(printed.err.contains(&said), "{url}: {printed:?}");
    }
}

/// The machine of `program` with this database.
fn program_of(program: &Program, url: &str) -> Program {
    Program::with(None)
        .set("DATA_DIR", program.data_dir().to_str().unwrap())
        .set("DATABASE_URL", url)
}

/// The server does not start, and says the path, the setting and more.
fn says(program: &Program, path: &Path, setting: &str, said: &str) {
    let printed = program.run(&["serve"]);
    assert_eq!(printed.status, Some(1), "{printed:?}");
    for words in [path.to_str().unwrap(), setting, said] {
        assert!(printed.err.contains(words), "{words}: {printed:?}");
    }
    assert!(!printed.err.contains("INTERNAL"), "{printed:?}");
}

/// A directory that this test's own kind of user cannot write, even as root.
#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_that_cannot_be_made_is_named_with_the_way_out() {
    let program = Program::with(None);
    let setting = "CLOAKROOM_DATA_DIR";
    let at = |path: &Path| program_at(path);
    let file = program.path("file");
    fs::write(&file, "kept").unwrap();
    says(&at(&file), &file, setting, "is no directory");
    let below = file.join("data");
    says(&at(&below), &file, setting, "is no directory");
    let nowhere = program.path("nowhere");
    symlink("/no/such/place", &nowhere).unwrap();
    says(&at(&nowhere), &nowhere, setting, "leads nowhere");
    let long = program.path(&"n".repeat(256));
    says(&at(&long), &long, setting, "255");
    let longer = program.path(&"n/".repeat(2100));
    says(&at(&longer), &longer, setting, "4095");
    // Not even root makes one there.
    let of_the_kernel = Path::new("/proc/cloakroom/data");
    says(&at(of_the_kernel), of_the_kernel, setting, "/proc");
    assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
}

fn program_at(path: &Path) -> Program {
    Program::with(None).set("DATA_DIR", path.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_in_the_place_of_a_part_is_named_with_the_way_out() {
    for (part, setting) in [
        ("cloakroom.sqlite3", "CLOAKROOM_DATABASE_URL"),
        ("purge.lock", "CLOAKROOM_DATA_DIR"),
        ("secret", "CLOAKROOM_SECRET_FILE"),
    ] {
        let program = Program::with(None);
        let path = program.data_dir().join(part);
        fs::create_dir_all(&path).unwrap();
        says(&program, &path, setting, "");
    }
    for part in ["staging", "content"] {
        let program = Program::with(None);
        let path = program.data_dir().join(part);
        fs::create_dir_all(program.data_dir()).unwrap();
        fs::write(&path, "").unwrap();
        says(&program, &path, "CLOAKROOM_DATA_DIR", "is no directory");
    }
    let program = Program::with(None);
    let path = program.path("no/such/directory/cloakroom.sqlite3");
    let program = program.set("DATABASE_URL", &format!("sqlite:{}", path.display()));
    says(
        &program,
        &path,
        "CLOAKROOM_DATABASE_URL",
        "no/such/directory does not exist: make it",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_no_text_is_named() {
    let program = Program::with(None);
    program.serve().kill();
    let secret = program.data_dir().join("secret");
    fs::write(&secret, [0xff; 64]).unwrap();
    says(&program, &secret, "CLOAKROOM_SECRET_FILE", "is damaged");
}

/// As the user that `setpriv` makes of root: nobody, who owns nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_somebody_else_is_named_with_its_owner() {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        eprintln!("only root can become somebody else");
        return;
    }
    let program = Program::with(None);
    let above = program.directory();
    fs::set_permissions(above.path(), Permissions::from_mode(0o755)).unwrap();
    let nobody = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ];
    let said = program.try_serve(&nobody).err().expect("it starts");
    let data = program.data_dir().display().to_string();
    for words in [
        &format!("cannot make the data directory {data}: Permission denied"),
        "belongs to the user with number 0",
        "runs as the user with number 65534",
        "CLOAKROOM_DATA_DIR",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    // One that it may enter and not write.
    fs::create_dir(program.data_dir()).unwrap();
    fs::set_permissions(program.data_dir(), Permissions::from_mode(0o755)).unwrap();
    let said = program.try_serve(&nobody).err().expect("it starts");
    for words in [&*data, "Permission denied", "number 65534", "chown"] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn a_read_only_disk_is_named() {
    with_mounts(async || {
        let program = Program::with(None);
        let volume = Volume::at(&program.data_dir(), 80);
        program.serve().kill();
        volume.remount_read_only();
        let setting = "CLOAKROOM_DATA_DIR";
        let database = program.data_dir().join("cloakroom.sqlite3");
        says(&program, &database, setting, "is read-only");
        let below = program.data_dir().join("deeper");
        says(&program_at(&below), &below, setting, "is read-only");
        let printed = program.run_with(&["create-user", "alice"], PASSWORD);
        assert_eq!(printed.status, Some(1), "{printed:?}");
        for words in [database.to_str().unwrap(), "readonly"] {
            assert!(printed.err.contains(words), "{words}: {printed:?}");
        }
    });
}

/// Uploads could not move from one to the other.
#[test]
fn content_on_another_file_system_than_staging_stops_the_start() {
    with_mounts(async || {
        for part in ["content", "staging"] {
            let program = Program::with(None);
            let _volume = Volume::at(&program.data_dir().join(part), 8);
            let path = program.data_dir().join(part);
            says(
                &program,
                &path,
                "CLOAKROOM_DATA_DIR",
                "different file systems",
            );
            assert!(!program.data_dir().join("content/installation").exists());
        }
        // By a link, as well.
        let program = Program::with(None);
        let volume = Volume::at(&program.path("volume"), 8);
        fs::create_dir(program.data_dir()).unwrap();
        let content = program.data_dir().join("content");
        symlink(volume.path(), &content).unwrap();
        says(
            &program,
            &content,
            "CLOAKROOM_DATA_DIR",
            "different file systems",
        );
        // One file system, at two places: nothing moves between two mounts either.
        fs::remove_file(&content).unwrap();
        let [staged, stored] = ["staging", "content"].map(|part| program.data_dir().join(part));
        for (part, of) in [(&staged, "a"), (&stored, "b")] {
            let of = volume.path().join(of);
            fs::create_dir_all(part).unwrap();
            fs::create_dir(&of).unwrap();
            let bound = std::process::Command::new("mount")
                .arg("--bind")
                .arg(of)
                .arg(part)
                .status();
            assert!(bound.unwrap().success());
        }
        says(
            &program,
            &stored,
            "CLOAKROOM_DATA_DIR",
            "different file systems",
        );
        for part in [&staged, &stored] {
            let unmounted = std::process::Command::new("umount").arg(part).status();
            assert!(unmounted.unwrap().success());
        }
        // A disk at the data directory has both.
        let program = Program::with(None);
        let _volume = Volume::at(&program.data_dir(), 80);
        program.serve().kill();
    });
}
