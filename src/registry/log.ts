/** The little that the registry needs of a logger. */
export interface RegistryLog {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}
