// Attributes that ahead-of-time compilers know by their names alone, whoever declares them.
using System;

namespace Wick
{
    /// <summary>Marks a static method that native code calls: IL2CPP and Mono's AOT compile a way in for it.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    internal sealed class MonoPInvokeCallbackAttribute : Attribute
    {
        internal MonoPInvokeCallbackAttribute(Type type)
        {
            Type = type;
        }

        internal Type Type { get; }
    }

    /// <summary>Keeps what is marked when Unity strips what nothing calls.</summary>
    [AttributeUsage(AttributeTargets.All)]
    internal sealed class PreserveAttribute : Attribute
    {
    }
}
