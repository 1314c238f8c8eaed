function love.conf(t)
  t.identity = "wick-tavern"
  t.window.title = "The Broken Wheel: twenty guests, one model"
  t.window.width, t.window.height = 960, 600
  t.window.vsync = 1
  t.modules.audio, t.modules.sound, t.modules.physics, t.modules.joystick, t.modules.video = false, false, false, false, false
end
