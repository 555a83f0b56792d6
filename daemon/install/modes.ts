/** The mode pip gives an ordinary file under a umask. */
export function plainMode(umask: number): number {
  return 0o666 & ~umask;
}

/** The mode pip gives a file that the wheel marks executable (`zip_item_is_executable`). */
export function executableMode(umask: number): number {
  return (0o777 & ~umask) | 0o111;
}

/** The mode distlib gives a script that it writes: `set_executable_mode` adds read and execute for everybody. */
export function scriptMode(umask: number): number {
  return plainMode(umask) | 0o555;
}

/** The mode of a folder made under a umask. */
export function folderMode(umask: number): number {
  return 0o777 & ~umask;
}
