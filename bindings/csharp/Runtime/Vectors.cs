// What is done with vectors.
using System;

namespace Wick
{
    /// <summary>A row that was found.</summary>
    public struct Match
    {
        /// <summary>Which.</summary>
        public int Index { get; internal set; }

        /// <summary>Its dot product with the query: of vectors of length 1 the cosine similarity.</summary>
        public float Score { get; internal set; }
    }

    /// <summary>Search among vectors.</summary>
    public static class Vectors
    {
        /// <summary>The <paramref name="count"/> vectors that are nearest to <paramref name="query"/>, best first.
        /// Every one is looked at.</summary>
        /// <exception cref="ArgumentException">A vector has another length than the query.</exception>
        public static unsafe Match[] Nearest(float[] query, float[][] vectors, int count)
        {
            if (query == null) throw new ArgumentNullException("query");
            if (vectors == null) throw new ArgumentNullException("vectors");
            if (query.Length == 0) throw new ArgumentException("a vector has elements", "query");
            int room = (int)Math.Min(Counted.From(count, "count"), vectors.Length);
            if (room == 0) return new Match[0];
            var rows = new float[checked(query.Length * vectors.Length)];
            for (int at = 0; at < vectors.Length; at++)
            {
                if (vectors[at].Length != query.Length) throw new ArgumentException("vectors[" + at + "] has " +
                    vectors[at].Length + " elements, the query " + query.Length, "vectors");
                Array.Copy(vectors[at], 0, rows, at * query.Length, query.Length);
            }
            var indices = new uint[room];
            var scores = new float[room];
            UIntPtr found;
            fixed (float* wanted = query, all = rows, values = scores)
            fixed (uint* places = indices)
            {
                WickException.Check(Native.wick_nearest(wanted, all, new UIntPtr((uint)vectors.Length),
                    new UIntPtr((uint)query.Length), new UIntPtr((uint)room), places, values, &found));
            }
            var matches = new Match[(int)found];
            for (int at = 0; at < matches.Length; at++) matches[at] = new Match { Index = (int)indices[at], Score = scores[at] };
            return matches;
        }
    }
}
