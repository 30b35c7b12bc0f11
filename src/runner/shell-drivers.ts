/*
 * What each shell reads once, at its start; its arguments are the folder of the pipes and the name that its own files
 * begin with. All keep to one protocol. A request is a line on standard input: number, stdout pipe, stderr pipe; the script is in
 * a file, so that no text of the agent is ever part of these programs. The answer is the exit code, a line on descriptor
 * 3. The script and its children see none of the three, and all come back after it even when the script redirected
 * the shell itself. The context (number, working directory, `NAME=value` each, an empty entry, all ended by NUL) is
 * written before the answer, and also when the script ends the shell. At the start the same file says what is exported.
 */

/**
 * Options of `set` end with the script, because `set -e` would end the shell at the next failing command. Truncating a
 * file costs more than all the rest of a command, so files are written over (`<>`) and an empty entry ends what counts.
 */
export const bashDriver = `
readonly __offshoot_dir=$1 __offshoot_own=$1/$2
shift 2
__offshoot_save() {
  { builtin set +efunvxC +o pipefail +o posix; } 2>/dev/null
  local __offshoot_name __offshoot_names __offshoot_exports=()
  { builtin compgen -e; builtin echo; } 1<>"$__offshoot_own.names"
  builtin mapfile -t __offshoot_names <"$__offshoot_own.names"
  for __offshoot_name in "\${__offshoot_names[@]}"; do
    [[ $__offshoot_name ]] || break
    [[ -v $__offshoot_name ]] && __offshoot_exports+=("$__offshoot_name=\${!__offshoot_name}")
  done
  builtin printf '%s\\0' "$__offshoot_number" "$PWD" "\${__offshoot_exports[@]}" "" 1<>"$__offshoot_own.context"
}
trap __offshoot_save EXIT
while IFS=' ' builtin read -r __offshoot_number __offshoot_stdout __offshoot_stderr; do
  { builtin . "$__offshoot_own.script"; } </dev/null >"$__offshoot_dir/$__offshoot_stdout" \
    2>"$__offshoot_dir/$__offshoot_stderr" 3>&-
  __offshoot_code=$?
  __offshoot_save
  builtin printf '%s\\n' "$__offshoot_code" >&3
done
`;

/** zsh exports some variables of its own (LOGNAME), which nobody asked to keep. Options end with the script here too. */
export const zshDriver = `
readonly __offshoot_dir=$1 __offshoot_own=$1/$2
shift 2
__offshoot_save() {
  { builtin emulate -L zsh } 2>/dev/null
  local __offshoot_name __offshoot_entries=("$__offshoot_number" "$PWD")
  for __offshoot_name in \${(k)parameters[(R)*export*]}; do
    __offshoot_entries+=("$__offshoot_name=\${(P)__offshoot_name}")
  done
  builtin print -rN -- "\${__offshoot_entries[@]}" "" >|"$__offshoot_own.context"
}
() {
  local given=("\${(@0)$(<"$__offshoot_own.context")}") name
  for name in \${(k)parameters[(R)*export*]}; do
    [[ -n \${given[(r)$name=*]} ]] || typeset -g +x $name
  done
}
trap __offshoot_save EXIT
while IFS=' ' builtin read -r __offshoot_number __offshoot_stdout __offshoot_stderr; do
  { builtin source "$__offshoot_own.script" } </dev/null >"$__offshoot_dir/$__offshoot_stdout" \
    2>"$__offshoot_dir/$__offshoot_stderr" 3>&-
  __offshoot_code=$?
  { builtin emulate -R zsh } 2>/dev/null
  __offshoot_save
  builtin print -r -- "$__offshoot_code" >&3
done
`;

/**
 * Scripts run in a module \`__main__\` of their own, so that no name of theirs hides one that is needed here; nor does a
 * file of the working directory (\`traceback.py\`) hide a module. Version managers and Python itself change the
 * environment on the way here, which no command did: it starts as it was given.
 */
export const pythonDriver = `
import sys
path, sys.path = sys.path, [entry for entry in sys.path if entry]
import fcntl, linecache, os, traceback, types
sys.path = path

folder, own = sys.argv[1], os.path.join(*sys.argv[1:3])
sys.argv = [""]
driver, main = sys.modules["__main__"], types.ModuleType("__main__")
sys.modules["__main__"] = main
environ, cwd, pid = os.environb, os.getcwdb(), os.getpid()
with open(own + ".context", "rb") as file:
    given = dict(entry.split(b"=", 1) for entry in file.read().split(b"\\0")[2:] if entry)
for name in set(environ) - set(given):
    del environ[name]
environ.update(given)

requests = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 64)
answers = fcntl.fcntl(3, fcntl.F_DUPFD_CLOEXEC, 64)
nothing = fcntl.fcntl(os.open(os.devnull, os.O_RDWR), fcntl.F_DUPFD_CLOEXEC, 64)
os.closerange(3, 64)

def connect(stdout, stderr):
    for fd, source in enumerate((nothing, stdout, stderr)):
        os.dup2(source, fd)
    for source in {stdout, stderr} - {nothing}:
        os.close(source)

def reopen():
    text = {"encoding": "utf-8", "closefd": False}
    sys.stdin = sys.__stdin__ = open(0, errors="surrogateescape", **text)
    sys.stdout = sys.__stdout__ = open(1, "w", 1, errors="surrogateescape", **text)
    sys.stderr = sys.__stderr__ = open(2, "w", 1, errors="backslashreplace", **text)

def flush(streams):
    for stream in streams:
        try:
            stream.flush()
        except Exception:
            pass

def save(number):
    global cwd
    try:
        cwd = os.getcwdb()
    except OSError:
        pass
    entries = [number, cwd, *(name + b"=" + value for name, value in environ.items()), b"", b""]
    with open(own + ".context", "wb") as file:
        file.write(b"\\0".join(entries))

def run(number):
    name = "<command %s>" % number.decode()
    stderr = sys.stderr
    try:
        with open(own + ".script", encoding="utf-8") as file:
            source = file.read()
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        exec(compile(source, name, "exec", 0, True), main.__dict__)
        return 0
    except SystemExit:
        raise
    except BaseException as error:
        traceback.print_exception(type(error), error, error.__traceback__.tb_next, file=stderr)
        return 1

connect(nothing, nothing)
while line := os.read(requests, 4096):
    number, *pipes = line.split()
    connect(*(os.open(os.path.join(os.fsencode(folder), pipe), os.O_WRONLY) for pipe in pipes))
    reopen()
    streams = sys.stdout, sys.stderr
    try:
        code = run(number)
    except SystemExit:
        if os.getpid() == pid:
            save(number)
        raise
    flush((*streams, sys.stdout, sys.stderr))
    if os.getpid() != pid:
        os._exit(code)
    connect(nothing, nothing)
    save(number)
    os.write(answers, b"%d\\n" % code)
`;
