/** What the machine lacks or refuses: a package mirror, space, a program. The message is for whoever asked for the image. */
export class TinyImageFailed extends Error {
  override readonly name = 'TinyImageFailed';
}
