/**
 * The ports: all that the pure parts may ask of the world. Types only.
 * Adapters live in agent/node and agent/browser; simulators offer the same ports
 * from one seed. Each port has one compliance suite that both pass.
 */

/** Milliseconds since the Unix epoch, in the world's time (a simulated world may run faster). */
export type TimeMs = number;

export interface Timer {
  cancel(): void;
}

export interface Clock {
  now(): TimeMs;
  /** Calls `fire` once, at or after `atMs` of this clock. A time in the past fires as soon as possible. */
  at(atMs: TimeMs, fire: () => void): Timer;
}

export interface Random {
  bytes(length: number): Uint8Array;
}

/**
 * An authenticated cipher with a 32-byte key, a 12-byte nonce and a 16-byte tag appended to the
 * ciphertext.
 */
export interface Aead {
  seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** Returns undefined if the ciphertext does not authenticate. */
  open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined;
}

/**
 * Synchronous primitives: node:crypto in Node, @noble where there is none. Both pass
 * test/compliance/crypto.
 */
export interface Crypto {
  sha256(...parts: Uint8Array[]): Uint8Array;
  sha512(...parts: Uint8Array[]): Uint8Array;
  hmacSha256(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array;
  /** RFC 8032. `seed` is the 32-byte private key. */
  ed25519PublicKey(seed: Uint8Array): Uint8Array;
  ed25519Sign(seed: Uint8Array, message: Uint8Array): Uint8Array;
  /** One rule everywhere: cofactorless, canonical A and R, neither of small order, S < L. Never throws. */
  ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  x25519PublicKey(secret: Uint8Array): Uint8Array;
  /** RFC 7748; throws `key-invalid` when the result is all zero (section 6.1). */
  x25519(secret: Uint8Array, publicKey: Uint8Array): Uint8Array;
  chacha20Poly1305: Aead;
  aes256Gcm: Aead;
}

/** Signs with one Ed25519 key that never leaves it. */
export interface Signer {
  readonly publicKey: Uint8Array;
  /** The signature, 64 bytes. `message` may be written over once the call has returned: nobody keeps it. */
  sign(message: Uint8Array): Uint8Array;
}

export type Unsubscribe = () => Promise<void>;

/** Publish and subscribe (MQTT 3.1.1 or 5, QoS 1). The bus is trusted with nothing. */
export interface Bus {
  /** Resolves when the broker has acknowledged. Rejects with `queue-full` rather than grow without bound. */
  publish(topic: string, payload: Uint8Array): Promise<void>;
  /** `filter` may hold + and #. Resolves when the broker has granted it. Survives reconnects. */
  subscribe(filter: string, receive: (topic: string, payload: Uint8Array) => void): Promise<Unsubscribe>;
  /** Called with each change, and at once with the present state. */
  onConnected(changed: (connected: boolean) => void): void;
  close(): Promise<void>;
}

/** One totally ordered, durable log of opaque records, from index 0. */
export interface OrderLog {
  /** Resolves with the record's index once it is durable. */
  append(record: Uint8Array): Promise<number>;
  /** Up to `limit` records from `from`, in order. */
  read(from: number, limit: number): Promise<{ index: number; record: Uint8Array }[]>;
  /** Called after appends by anyone; the listener reads what is new. */
  onAppended(listener: () => void): Unsubscribe;
  close(): Promise<void>;
}

/** Immutable named values. */
export interface Blobs {
  /**
   * Resolves once durable. The same key and bytes again is no error; other bytes are refused with
   * `store-failed`.
   */
  put(key: string, bytes: Uint8Array): Promise<void>;
  get(key: string): Promise<Uint8Array | undefined>;
  list(prefix: string): Promise<string[]>;
  delete(key: string): Promise<void>;
}

/** A small mutable key-value store: what a device must know after power loss. */
export interface Store {
  get(key: string): Uint8Array | undefined;
  keys(prefix: string): string[];
  /** All of the changes or none; resolves once durable. `undefined` removes a key. */
  commit(changes: ReadonlyMap<string, Uint8Array | undefined>): Promise<void>;
  close(): Promise<void>;
}

/** One central that is connected to this peripheral. */
export interface PeripheralConnection {
  readonly id: string;
  /** Bytes that one notification may carry (ATT MTU - 3). */
  readonly notifySize: number;
  /** Resolves when the value has been handed to the controller; at most `notifySize` bytes. */
  notify(value: Uint8Array): Promise<void>;
  disconnect(): void;
}

export interface PeripheralHandler {
  connected(connection: PeripheralConnection): void;
  /** The value of the info characteristic for this connection: fresh at each new read. */
  readInfo(connection: PeripheralConnection): Uint8Array;
  /** One value written to the `in` characteristic. */
  written(connection: PeripheralConnection, value: Uint8Array): void;
  disconnected(connection: PeripheralConnection): void;
}

/** BLE, the device's side: the SEGMENT service with its three characteristics (design, section 5). */
export interface PeripheralRadio {
  start(advertisement: { name: string; serviceUuid: string }, handler: PeripheralHandler): Promise<void>;
  /** Stops advertising and drops the connections. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

export interface Sighting {
  address: string;
  name: string;
  rssiDbm: number;
}

/** A connection from this central to one peripheral, services discovered. */
export interface CentralConnection {
  /** Bytes that one write may carry (ATT MTU - 3). */
  readonly writeSize: number;
  readInfo(): Promise<Uint8Array>;
  write(value: Uint8Array): Promise<void>;
  disconnect(): Promise<void>;
}

/** BLE, the phone's side. */
export interface CentralRadio {
  /** Scans until the signal aborts. */
  scan(serviceUuid: string, sighted: (sighting: Sighting) => void, signal: AbortSignal): Promise<void>;
  connect(
    address: string,
    on: { notified: (value: Uint8Array) => void; disconnected: () => void },
    timeoutMs: number,
  ): Promise<CentralConnection>;
  close(): Promise<void>;
}
