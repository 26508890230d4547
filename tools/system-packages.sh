#!/usr/bin/env bash
# Brings the system packages that `make play` and `make test` need.
#
#   tools/system-packages.sh play          PortAudio
#   tools/system-packages.sh test          also the real peers of the tests
#   tools/system-packages.sh venv PYTHON   what PYTHON lacks to make an environment
#
# On Debian and Ubuntu missing packages are installed where root or sudo allows; otherwise, and on
# other systems, the command is printed. Where it is only printed, `play` goes on (synth then
# renders to a file instead of playing) and `test` and `venv` fail.
set -euo pipefail

purpose=${1:-}
case $purpose in
play)
    packages=(libportaudio2)
    brew=() ;; # the wheel of sounddevice holds PortAudio
test)
    packages=(libportaudio2 jackd2 puredata-core liblo-tools fluidsynth fluid-soundfont-gm
        supercollider-language)
    brew=(jack liblo fluid-synth) ;;
venv)
    if "${2:-python3}" -c 'import ensurepip, venv' 2>/dev/null; then exit 0; fi
    packages=("python$("${2:-python3}" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv")
    brew=(python) ;;
*)
    echo "usage: tools/system-packages.sh play | test | venv PYTHON" >&2
    exit 2 ;;
esac

print_command() {
    echo "synth needs system packages that can't be installed from here. Run:" >&2
    echo "    $*" >&2
    if [ "$purpose" = play ]; then exit 0; fi
    exit 3
}

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    if [ "$(uname -s)" = Darwin ]; then
        if [ ${#brew[@]} -gt 0 ]; then
            echo "Where one is missing: brew install ${brew[*]}; brew install --cask pd supercollider" >&2
        fi
    else
        echo "Debian calls what is needed here ${packages[*]}; install its like if missing." >&2
    fi
    exit 0
fi

# A package may have been renamed (libportaudio2t64): what provides the name serves too.
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}, ${Provides},\n')
missing=()
for package in "${packages[@]}"; do
    if ! grep -E -q "^installed (.* )?${package}( \(=[^)]*\))?," <<<"$installed"; then
        missing+=("$package")
    fi
done
if [ ${#missing[@]} -eq 0 ]; then exit 0; fi

install=(apt-get install -y --no-install-recommends "${missing[@]}")
if [ "$(id -u)" -eq 0 ]; then
    as_root=(env DEBIAN_FRONTEND=noninteractive)
elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    as_root=(sudo env DEBIAN_FRONTEND=noninteractive)
else
    print_command "sudo apt-get update && sudo ${install[*]}"
fi
"${as_root[@]}" apt-get update -q </dev/null || true # an old list of packages may still serve
"${as_root[@]}" "${install[@]}" </dev/null || print_command "sudo ${install[*]}"
