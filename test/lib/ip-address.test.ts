import { describe, expect, test } from "bun:test";
import { BlockList, isIPv4, isIPv6 } from "node:net";
import fc from "fast-check";
import { isIpv4, isIpv6, isWithin, parseIpRange } from "../../src/lib/ip-address.ts";

const octet = fc.oneof(fc.integer({ min: 0, max: 300 }).map(String), fc.constantFrom("00", "01", "", "1e1", " 1"));
const ipv4Like = fc.array(octet, { minLength: 3, maxLength: 5 }).map((parts) => parts.join("."));
const group = fc.oneof(fc.stringMatching(/^[0-9a-fA-F]{1,5}$/), fc.constantFrom("", "0", "ffff", "g"));
const ipv6Like = fc.oneof(
  fc.array(group, { minLength: 1, maxLength: 10 }).map((groups) => groups.join(":")),
  fc.tuple(fc.array(group, { maxLength: 7 }), ipv4Like).map(([groups, tail]) => `${groups.join(":")}:${tail}`),
);

describe("what is an address", () => {
  test("is the same here as in node:net", () => {
    fc.assert(
      fc.property(fc.oneof(ipv4Like, ipv6Like, fc.ipV4(), fc.ipV6(), fc.string()), (text) => {
        fc.pre(!text.includes("%"));
        expect([text, isIpv4(text), isIpv6(text)]).toEqual([text, isIPv4(text), isIPv6(text)]);
      }),
      { numRuns: 2000, seed: 1 },
    );
  });

  test("has no zone, no brackets, no blanks, and one :: at most", () => {
    for (const text of ["fe80::1%eth0", "[::1]", " ::1", "::1 ", "1::2::3", ":::", "::1\n", "1:2:3:4:5:6:7::8:9"]) {
      expect([text, isIpv6(text)]).toEqual([text, false]);
    }
  });
});

describe("a range", () => {
  test("holds the same addresses as node:net's BlockList", () => {
    const versions = [
      { name: "ipv4", address: fc.ipV4(), bits: 32 },
      { name: "ipv6", address: fc.ipV6(), bits: 128 },
    ] as const;
    for (const { name, address, bits } of versions) {
      fc.assert(
        fc.property(address, fc.integer({ min: 0, max: bits }), address, fc.boolean(), (base, prefix, other, same) => {
          const list = new BlockList();
          list.addSubnet(base, prefix, name);
          const asked = same ? base : other;
          const range = parseIpRange(`${base}/${prefix}`);
          expect(range !== null && isWithin([range], asked)).toBe(list.check(asked, name));
        }),
        { numRuns: 500, seed: 2 },
      );
    }
  });

  test("ends where its prefix says", () => {
    const range = parseIpRange("10.0.0.128/25");
    if (range === null) throw new Error("not read");
    expect(["10.0.0.127", "10.0.0.128", "10.0.0.255", "10.0.1.0"].map((each) => isWithin([range], each))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  test("without a prefix is one address", () => {
    const range = parseIpRange("fd00:ec2::254");
    expect(range?.prefixBits).toBe(128);
  });

  test("of IPv4 addresses written as IPv6 ones is a range of IPv4", () => {
    expect(parseIpRange("::ffff:10.0.0.0/104")).toEqual({ first: [10, 0, 0, 0], prefixBits: 8 });
  });

  test("with anything else in it is none", () => {
    for (const text of ["", "/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8/8", "::/129", "10.0.0.0/-1", "ten/8"]) {
      expect([text, parseIpRange(text)]).toEqual([text, null]);
    }
  });
});
