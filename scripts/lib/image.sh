# shellcheck shell=bash
# An image for demonstrations and tests, made of Debian's busybox-static: nothing is pulled.

# demo_image_import TAG: into the engine DOCKER_HOST names; does nothing when it is there.
demo_image_import() {
    docker image inspect "$1" >/dev/null 2>&1 && return
    demo_image_tar | docker import -c 'CMD ["/bin/sleep","infinity"]' - "$1" >/dev/null
}

# The root file system as a tar archive on stdout: busybox under the names of its applets.
demo_image_tar() {
    local root applet
    root=$(mktemp -d)
    mkdir -p "$root/bin" "$root/etc" "$root/tmp" "$root/www/cgi-bin"
    chmod 755 "$root"
    chmod 1777 "$root/tmp"
    echo 'root:x:0:0:root:/:/bin/sh' >"$root/etc/passwd"
    cp "$(command -v busybox)" "$root/bin/busybox"
    for applet in $(busybox --list); do
        [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
    done
    tar -C "$root" --owner=0 --group=0 -c .
    rm -rf "$root"
}
