# bash completion of perfbench: source <(perfbench completion bash)
_perfbench_names() { "${COMP_WORDS[0]}" list "$1" --names 2>/dev/null; }

# Fills COMPREPLY with those of the words $1 that start with $2. Nothing in the words is expanded.
_perfbench_words() {
  local -a words
  local word
  read -r -d '' -a words <<< "$1"
  COMPREPLY=()
  for word in "${words[@]}"; do [[ $word == "$2"* ]] && COMPREPLY+=("$word"); done
  return 0
}

_perfbench_files() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

_perfbench_folders() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -d -- "$1")
}

_perfbench() {
  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" command="${COMP_WORDS[1]}"
  COMPREPLY=()
  # bash takes the "=" of --flag=value for a word.
  if [[ $cur == "=" ]]; then
    cur=""
  elif [[ $prev == "=" ]]; then
    prev="${COMP_WORDS[COMP_CWORD-2]}"
  fi
{cases}
}
complete -F _perfbench perfbench
