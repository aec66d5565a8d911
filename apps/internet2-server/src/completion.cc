// Completion scripts, written from the same table of verbs and flags that the parser uses.
#include <cstdio>
#include <format>

#include "verbs.h"

namespace i2::app {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    out += (out.empty() ? "" : " ") + word;
  }
  return out;
}

std::string verbs_of(const std::vector<VerbHelp>& verbs) {
  std::vector<std::string> names;
  for (const VerbHelp& verb : verbs) {
    if (!verb.name.empty()) {
      names.push_back(verb.name);
    }
  }
  return joined(names);
}

// Inside of single quotes, whose end is written as `escaped` (each shell has its own way).
std::string quoted(std::string_view text, std::string_view escaped) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += escaped;
    } else {
      out += c;
    }
  }
  return out;
}

// What stands after a verb: files, peers, shells.
std::string_view operands_of(std::string_view verb) {
  if (verb == "path" || verb == "ping" || verb == "bench" || verb == "expel" || verb == "cert") {
    return "peers";
  }
  if (verb == "send") {
    return "file-peers";
  }
  if (verb == "join" || verb == "config") {
    return "file";
  }
  return verb == "completion" ? "shells" : "";
}

std::string bash(const std::vector<VerbHelp>& verbs) {
  std::string cases;
  for (const VerbHelp& verb : verbs) {
    if (!verb.name.empty()) {
      cases += std::format("    {}) flags='{}' operands='{}' actions='{}' ;;\n", verb.name,
                           joined(verb.flags), operands_of(verb.name), joined(verb.actions));
    }
  }
  return std::format(R"sh(# bash completion for i2
_i2() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} verb='' flags='' operands='' actions='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case " {0} " in *" ${{COMP_WORDS[i]}} "*) verb=${{COMP_WORDS[i]}}; break ;; esac
  done
  case "$prev" in
    --config|--out|--socket) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --data-dir) COMPREPLY=($(compgen -d -- "$cur")); return ;;
  esac
  case "$verb" in
    '') COMPREPLY=($(compgen -W '{0} {1}' -- "$cur")); return ;;
{2}  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$flags {1}" -- "$cur"))
    return
  fi
  case "$operands" in
    peers) COMPREPLY=($(compgen -W "$(i2 peers --names 2>/dev/null)" -- "$cur")) ;;
    file-peers) COMPREPLY=($(compgen -f -- "$cur") $(compgen -W "$(i2 peers --names 2>/dev/null)" -- "$cur")) ;;
    file) COMPREPLY=($(compgen -f -- "$cur")) ;;
    shells) COMPREPLY=($(compgen -W 'bash zsh fish' -- "$cur")) ;;
  esac
  if [[ $prev == "$verb" && $actions ]]; then
    COMPREPLY=($(compgen -W "$actions" -- "$cur"))
  fi
}}
complete -o filenames -F _i2 i2
)sh",
                     verbs_of(verbs), joined(verbs.front().flags), cases);
}

std::string zsh(const std::vector<VerbHelp>& verbs) {
  std::string list;
  std::string cases;
  for (const VerbHelp& verb : verbs) {
    if (verb.name.empty()) {
      continue;
    }
    list += std::format("    '{}:{}'\n", verb.name, quoted(verb.summary, R"('\'')"));
    cases += std::format("    {}) compadd -- {}\n", verb.name, joined(verb.flags));
    const std::string_view operands = operands_of(verb.name);
    if (operands == "peers" || operands == "file-peers") {
      cases += "      compadd -- ${(f)\"$(i2 peers --names 2>/dev/null)\"}\n";
    }
    if (operands == "file" || operands == "file-peers") {
      cases += "      _files\n";
    }
    if (operands == "shells") {
      cases += "      compadd bash zsh fish\n";
    }
    if (!verb.actions.empty()) {
      cases += std::format("      compadd {}\n", joined(verb.actions));
    }
    cases += "      ;;\n";
  }
  return std::format(R"sh(#compdef i2
_i2() {{
  local -a verbs
  verbs=(
{}  )
  local verb=''
  for word in ${{words[2,CURRENT-1]}}; do
    if (( ${{verbs[(I)$word:*]}} )); then verb=$word; break; fi
  done
  compadd -- {}
  case $verb in
    '') _describe verb verbs ;;
{}  esac
}}
_i2 "$@"
)sh",
                     list, joined(verbs.front().flags), cases);
}

std::string fish(const std::vector<VerbHelp>& verbs) {
  const std::string names = verbs_of(verbs);
  std::string out = "# fish completion for i2\ncomplete -c i2 -f\n";
  for (const std::string& flag : verbs.front().flags) {
    out += std::format("complete -c i2 -l {}\n", flag.substr(2));
  }
  for (const VerbHelp& verb : verbs) {
    if (verb.name.empty()) {
      continue;
    }
    out += std::format("complete -c i2 -n 'not __fish_seen_subcommand_from {}' -a {} -d '{}'\n",
                       names, verb.name, quoted(verb.summary, R"(\')"));
    const std::string after =
        std::format("complete -c i2 -n '__fish_seen_subcommand_from {}'", verb.name);
    for (const std::string& flag : verb.flags) {
      out += std::format("{} -l {}\n", after, flag.substr(2));
    }
    const std::string_view operands = operands_of(verb.name);
    if (operands.ends_with("peers")) {
      out += after + " -a '(i2 peers --names 2>/dev/null)'\n";
    }
    if (operands.starts_with("file")) {
      out += after + " -F\n";
    }
    if (operands == "shells") {
      out += after + " -a 'bash zsh fish'\n";
    }
    if (!verb.actions.empty()) {
      out += after + std::format(" -a '{}'\n", joined(verb.actions));
    }
  }
  return out;
}

}  // namespace

node::ExitCode run_completion(const Options& options) {
  const auto verbs = describe();
  const std::string script = options.shell == "bash"  ? bash(verbs)
                             : options.shell == "zsh" ? zsh(verbs)
                                                      : fish(verbs);
  std::fputs(script.c_str(), stdout);
  return node::ExitCode::kOk;
}

}  // namespace i2::app
