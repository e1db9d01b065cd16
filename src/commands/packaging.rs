//! What packages are made of: man pages and completions, which clap knows.

use std::{fs, io, path::PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;
use cloakroom::config;

use super::{Outcome, print};

#[derive(Args)]
pub struct Settings {
    /// Print a file of variables instead, with every setting as a comment
    #[arg(long)]
    env: bool,
    /// Settings that the file is to have, without the prefix
    #[arg(value_name = "NAME=VALUE", requires = "env")]
    set: Vec<String>,
}

#[derive(Args)]
pub struct Completions {
    shell: Shell,
}

#[derive(Args)]
pub struct ManPages {
    /// The directory to write them to
    directory: PathBuf,
}

pub fn settings(options: &Settings) -> Outcome {
    if !options.env {
        return print(config::markdown());
    }
    let set = options.set.iter().map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name, value)
    });
    print(config::variables_file(&set.collect::<Vec<_>>())?)
}

pub fn completions(options: &Completions, mut program: Command) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut program, "cloakroom", &mut script);
    print(String::from_utf8(script)?)
}

/// One page for the program, which has all settings, and one for each command without them.
pub fn man_pages(options: &ManPages, mut program: Command) -> Outcome {
    program.build();
    let commands: Vec<_> = program.get_subcommands().cloned().collect();
    write_page(options, program, "cloakroom".to_owned())?;
    for command in commands.into_iter().filter(|it| it.get_name() != "help") {
        let name = format!("cloakroom-{}", command.get_name());
        let own = command.mut_args(|arg| {
            let is_setting = arg.is_global_set();
            arg.hide(is_setting)
        });
        write_page(options, own, name)?;
    }
    Ok(())
}

fn write_page(options: &ManPages, command: Command, name: String) -> Result<(), String> {
    let path = options.directory.join(format!("{name}.1"));
    let mut page = Vec::new();
    let rendered = Man::new(command).title(name).render(&mut page);
    let written = rendered.and_then(|()| fs::write(&path, page));
    written.map_err(|error: io::Error| format!("cannot write {}: {error}", path.display()))
}
